import { approvalsOf, isReturned, topicsOf } from "#src/domain/announcements/announcement.ts";
import { readManuscript } from "#src/domain/announcements/desk.ts";
import type { Manuscript } from "#src/domain/announcements/draft.ts";
import { renderBody } from "#src/domain/announcements/render.ts";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { type RehearsedChannel, rehearse } from "#src/domain/deliveries/rehearse.ts";
import { asRevision, holdsBody, type ShownText, shownTexts } from "#src/domain/deliveries/shown-text.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import type { WebDeps } from "#src/web/app.ts";
import { linksOf } from "#src/web/links.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
import { textField } from "./form.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { Page } from "./page.ts";
import { staff } from "./sign-in.ts";
import { badges } from "./teasers.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

type Rehearsal = RehearsedChannel & { name: ChannelName; texts: ShownText[] };

/** Before anything is sent: the text, who would get it on which channel, in which words and by when; and who may decide. */
export async function rehearsalPage(
  deps: WebDeps,
  view: View,
  at: { id: string; request: Request },
  news: Html = NOTHING,
): Promise<Page> {
  const { t } = view;
  const caller = await staff(deps, at.request, "editor", "reviewer");
  const manuscript = await readManuscript(deps, caller, at.id);
  const { content } = manuscript;
  const { estimated, channels } = await rehearsed(deps, manuscript);
  const title = isCorrection(manuscript)
    ? t("更正前预演", "Before the correction is published")
    : t("发布前预演", "Before it is published");
  return {
    head: { title: `${title}：${content.title}`, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${news}
${textCard(view, manuscript, hasRole(caller, "editor"))}
${reach(view, channels, estimated, isCorrection(manuscript))}
${channels.map((one) => channelCard(view, one, content.body))}
${decisions(view, caller, manuscript)}`,
  };
}

function isCorrection({ announcement }: Manuscript): boolean {
  return announcement.revision > 0;
}

async function rehearsed(
  deps: WebDeps,
  manuscript: Manuscript,
): Promise<{ estimated: boolean; channels: Rehearsal[] }> {
  const { content, announcement, column } = manuscript;
  const topics = topicsOf({ content, audience: announcement.audience });
  const { estimated, channels } = await rehearse(deps, topics, { ...column, content });
  const revision = asRevision(manuscript, deps.now());
  const links = linksOf(deps);
  const shown = await Promise.all(
    Object.entries(channels).map(async ([key, found]): Promise<Rehearsal> => {
      const name = key as ChannelName;
      const languages = found.languages.length > 0 ? found.languages : [content.language];
      return { name, ...found, texts: await shownTexts(deps.channels[name], revision, languages, links) };
    }),
  );
  return { estimated, channels: shown.sort((a, b) => b.endpoints - a.endpoints) };
}

function textCard(view: View, manuscript: Manuscript, mayFollow: boolean): Html {
  const { t } = view;
  const { content, announcement, contentHash, column, unitName } = manuscript;
  const publishAt = announcement.work?.publishAt;
  const { id, revision } = announcement;
  const published =
    revision > 0
      ? html`<li>${t(`更正第${revision}版`, `corrects revision ${revision}`)}</li><li><a href="${view.to(`/announcements/${id}`)}">${t("看现行文本", "The text as it stands")}</a></li>${mayFollow ? html`<li><a href="${view.to(`/console/announcements/${id}`)}">${t("推送台账", "Deliveries")}</a></li>` : NOTHING}`
      : NOTHING;
  return html`<section class="card" aria-labelledby="text"><h2 id="text" lang="${content.language}">${badges(view, content)}${content.title}</h2>
<ul class="facts"><li>${unitName}</li><li>${columnName(view, column.slug, column.name)}</li>${publishAt ? html`<li><b>${t("定时发布：", "Goes out at ")}${time(publishAt, view.language)}</b></li>` : NOTHING}${published}</ul>
<details><summary>${t("看全文", "Read the whole text")}</summary>
${content.summary ? html`<p class="summary" lang="${content.language}">${content.summary}</p>` : NOTHING}
<div class="text" lang="${content.language}">${trusted(renderBody(content.body))}</div></details>
<p class="small muted">${t("内容校验值（SHA-256）：", "Fingerprint of the content (SHA-256): ")}<span class="code">${contentHash}</span></p></section>`;
}

function reach(view: View, channels: Rehearsal[], estimated: boolean, corrects: boolean): Html {
  const { t } = view;
  const audience = channels.reduce((sum, { endpoints }) => sum + endpoints, 0);
  const canaries = channels.reduce((sum, one) => sum + one.canaries, 0);
  const title = t("会推送给谁", "Who gets it");
  const words =
    audience === 0
      ? html`<p><b>${t("现在没有人订阅这些内容：发布后只在网站上可见，不会推送给任何人。", "Nobody has subscribed to this: once published it stands on the site and is pushed to nobody.")}</b></p>`
      : html`<p class="big">${t(`${estimated ? "约" : ""}${audience}个接收端`, `${estimated ? "about " : ""}${audience} ${audience === 1 ? "receiver" : "receivers"}`)}</p>
<p>${t("按此刻的订阅和各渠道的实际速度推算；现在什么都没有发出。", "By the subscriptions and the pace of the channels as they are now. Nothing has been sent.")}</p>`;
  return html`<section class="card" aria-labelledby="reach"><h2 id="reach">${title}</h2>${words}
${corrects ? html`<p class="hint">${t("收到过前面版本的接收端，即使现在不再匹配，也会收到更正；他们不计入以上人数。", "Whoever got an earlier revision gets the correction as well, even if it no longer matches; those are not counted here.")}</p>` : NOTHING}
${canaries > 0 ? html`<p class="hint">${t(`另有${canaries}个测试接收端也会收到，不计入以上人数；推送台账的“应推”含测试接收端。`, `Beside them ${canaries === 1 ? "one test endpoint gets" : `${canaries} test endpoints get`} it, too. ${canaries === 1 ? "It is" : "They are"} not counted here, but ${canaries === 1 ? "is" : "are"} in the ledger.`)}</p>` : NOTHING}</section>`;
}

function channelCard(view: View, one: Rehearsal, body: string): Html {
  const { t } = view;
  const now = one.endpoints - one.held - one.fallbacks;
  const name = channelName(view, one.name);
  return html`<section class="card" aria-labelledby="channel-${one.name}"><h2 id="channel-${one.name}">${name}${one.ready ? NOTHING : html` <span class="badge late">${t("未设置", "not set up")}</span>`}${one.paused ? html` <span class="badge urgent">${t("已暂停", "paused")}</span>` : NOTHING}</h2>
${one.ready ? NOTHING : html`<p class="wrong">${t("该渠道尚未设置完成，推送会等到设置好为止。", "This channel is not set up completely; its pushes wait until it is.")}</p>`}
${one.paused ? html`<p class="wrong">${pausedWords(view, one.paused.because)}${time(one.paused.until, view.language)}</p>` : NOTHING}
<dl class="pairs"><dt>${t("立即推送", "At once")}</dt><dd class="num">${now}</dd>
<dt>${t("稍后", "Later")}</dt><dd><span class="num">${one.held}</span>${one.held > 0 ? html` <small class="muted">${t("正在免打扰时段，或每天、每周汇总", "quiet hours, or a daily or weekly digest")}</small>` : NOTHING}</dd>
${one.fallbacks > 0 ? html`<dt>${t("备用", "Fallbacks")}</dt><dd><span class="num">${one.fallbacks}</span> <small class="muted">${t("首选接收端未及时收到时才推送", "only where the first choice does not get it in time")}</small></dd>` : NOTHING}
${one.canaries > 0 ? html`<dt>${t("测试接收端", "Test endpoint")}</dt><dd><span class="num">${one.canaries}</span> <small class="muted">${t("不计入上面的数", "not counted above")}</small></dd>` : NOTHING}
<dt>${t("最后一条送达", "The last one arrives")}</dt><dd>${now > 0 ? html`${time(one.lastAt, view.language)} <small class="muted">${duration(view, one.drainSeconds)}</small>` : "—"}</dd>
${one.quotaLeft === null ? NOTHING : html`<dt>${t("配额剩余", "Quota left")}</dt><dd><span class="num">${one.quotaLeft}</span>${one.quotaResetsAt ? html` <small class="muted">${t("重置：", "starts anew ")}${time(one.quotaResetsAt, view.language)}</small>` : NOTHING}</dd>`}</dl>
${apart(one.texts).map((text, _, all) => shownText(view, text, all.length < one.texts.length, wholeness(view, one.name, text, body)))}</section>`;
}

function pausedWords(view: View, because: NonNullable<Rehearsal["paused"]>["because"]): string {
  const { t } = view;
  const why = {
    rate: t("服务方说发得太快，恢复时间：", "The vendor says it is too fast; goes on at "),
    quota: t("服务方的配额已用完，恢复时间：", "The vendor's quota is used up; goes on at "),
    configuration: t(
      "服务方拒绝（账号或设置有误），下次尝试：",
      "The vendor refuses (a credential or setting is wrong); next try at ",
    ),
  };
  return why[because];
}

function duration(view: View, seconds: number): string {
  const { t } = view;
  if (seconds < 60) return t(`约${Math.max(1, seconds)}秒内`, `within some ${Math.max(1, seconds)} s`);
  if (seconds < 7200) return t(`约${Math.ceil(seconds / 60)}分钟`, `some ${Math.ceil(seconds / 60)} minutes`);
  return t(`约${Math.ceil(seconds / 3600)}小时`, `some ${Math.ceil(seconds / 3600)} hours`);
}

/** A channel that writes the same for every language shows it once. */
function apart(texts: ShownText[]): ShownText[] {
  return [...new Map(texts.map((one) => [one.text, one])).values()];
}

function shownText(
  view: View,
  { language, text, bytes, limit, faults }: ShownText,
  isForAll: boolean,
  how: string,
): Html {
  const { t } = view;
  const ofLanguage =
    language === "en"
      ? t("英文读者看到", "What readers of English see")
      : t("中文读者看到", "What readers of Chinese see");
  const name = isForAll ? t("发出的内容（各语言相同）", "What goes out (the same in every language)") : ofLanguage;
  return html`<h3>${name}</h3>
<pre class="shown" lang="${language}" tabindex="0">${text}</pre>
<p class="hint">${t(`${bytes.toLocaleString("en-US")} / ${limit.toLocaleString("en-US")} 字节`, `${bytes.toLocaleString("en-US")} of ${limit.toLocaleString("en-US")} bytes`)}${how}</p>
${faults.length > 0 ? html`<ul>${faults.map((fault) => html`<li class="wrong">${partName(view, fault.pointer)}${view.say(fault.detail)}</li>`)}</ul>` : NOTHING}`;
}

/** How much of the body goes out: the whole of it is said only of what has it. */
function wholeness(view: View, name: ChannelName, shown: ShownText, body: string): string {
  const { t } = view;
  const { summaryCharacters: size, faults, text } = shown;
  if (size === 0) return t("，只发标题和全文链接。", ", only the title and a link to the text go out.");
  if (size !== undefined)
    return t(
      `，只发摘要（${size}字）和全文链接。`,
      `, only a summary (${size} characters) and a link to the text go out.`,
    );
  if (faults.length > 0) return "";
  if (name === "official-account")
    return t(
      "，群发的图文为全文；逐个推送给关注者的只有摘要和全文链接。",
      ", a mass message brings the whole text; followers who are written to one by one get a summary and a link.",
    );
  if (holdsBody(text, body)) return t("，完整发出。", ", goes out whole.");
  return t("，正文全文发出（此处只是预览）。", ", the whole text goes out (what stands here is a preview).");
}

function partName(view: View, pointer: string): string {
  const { t } = view;
  const names: Record<string, string> = {
    "/title": t("标题：", "Title: "),
    "/summary": t("摘要：", "Summary: "),
    "/body": t("正文：", "Text: "),
  };
  return names[pointer] ?? "";
}

function decisions(view: View, caller: Caller, manuscript: Manuscript): Html {
  const { t } = view;
  const { announcement, column } = manuscript;
  const { work } = announcement;
  if (!work) return NOTHING;
  const returned = isReturned(work);
  const given = approvalsOf(work);
  const isAuthor = work.authorIds.includes(caller.id);
  const said = work.reviews.some(({ reviewerId }) => reviewerId === caller.id);
  const mayReview = hasRole(caller, "reviewer") && !isAuthor && !said && !returned;
  const mayPublish = hasRole(caller, "editor") && !returned && given >= column.approvals;
  return html`<section class="card" aria-labelledby="decide"><h2 id="decide">${t("审核与发布", "Review and publish")}</h2>
<p>${t(`本栏目需${column.approvals}人审核通过，现有${given}人。`, `This column needs ${column.approvals} ${column.approvals === 1 ? "approval" : "approvals"}; ${given} given.`)}</p>
${reviewList(view, work.reviews)}
${returned ? html`<p class="wrong">${t("已退回：请修改后重新送审。", "Returned: it has to be changed first.")}</p>` : NOTHING}
${hasRole(caller, "reviewer") && isAuthor && column.approvals > given && !returned ? html`<p class="muted">${t("您是作者，须由他人审核。", "You wrote this: somebody else has to review it.")}</p>` : NOTHING}
${mayReview ? reviewForm(view, manuscript) : NOTHING}
${mayPublish ? (isCorrection(manuscript) ? correctionForm(view, manuscript) : publishForm(view, manuscript)) : NOTHING}</section>`;
}

function reviewList(view: View, reviews: NonNullable<Manuscript["announcement"]["work"]>["reviews"]): Html {
  const { t } = view;
  if (reviews.length === 0) return NOTHING;
  return html`<ol class="history">${reviews.map(
    (one) =>
      html`<li>${time(one.at, view.language)} ${one.reviewerName} ${one.decision === "approve" ? t("通过", "approved") : t("退回", "returned it")}${one.comment ? html`<br><small>${one.comment}</small>` : NOTHING}</li>`,
  )}</ol>`;
}

const empty = { values: new URLSearchParams(), faults: {} };

function hidden({ contentHash }: Manuscript): Html {
  return html`<input type="hidden" name="contentHash" value="${contentHash}">`;
}

function reviewForm(view: View, manuscript: Manuscript): Html {
  const { t } = view;
  const hint = t("退回时必须写明原因。", "Needed to return it.");
  return html`<form method="post" action="${view.to(`/console/announcements/${manuscript.announcement.id}`)}" class="stacked">${hidden(manuscript)}
${textField(view, empty, "comment", t("审核意见", "Comment"), { rows: 2, max: 1000, hint })}
<p class="row"><button name="act" value="approve">${t("审核通过", "Approve")}</button><button name="act" value="return" class="quiet">${t("退回", "Return it")}</button></p></form>`;
}

function publishForm(view: View, manuscript: Manuscript): Html {
  const { t } = view;
  const hint = t("北京时间；不填则立即发布。", "Beijing time; left empty, it goes out at once.");
  return html`<form method="post" action="${view.to(`/console/announcements/${manuscript.announcement.id}`)}" class="stacked">${hidden(manuscript)}
${textField(view, empty, "at", t("定时发布", "Publish at"), { type: "datetime-local", hint })}
<p class="row"><button name="act" value="publish">${t("发布并推送", "Publish and push")}</button></p></form>`;
}

function correctionForm(view: View, manuscript: Manuscript): Html {
  const { t } = view;
  const hint = t("读者会看到；例如“时间有误，应为三月三日”。", "Readers see it, for example “the date was wrong”.");
  return html`<form method="post" action="${view.to(`/console/announcements/${manuscript.announcement.id}`)}" class="stacked">${hidden(manuscript)}
${textField(view, empty, "reason", t("更正原因", "What is corrected"), { max: 500, hint, required: true })}
<p class="row"><button name="act" value="correct">${t("发布更正并推送", "Publish the correction and push")}</button></p></form>`;
}
