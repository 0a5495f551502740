import { z } from "zod";
import { ContentChange, Content as ContentSchema } from "#src/domain/announcements/announcement.ts";
import { correct, Reason } from "#src/domain/announcements/correct.ts";
import { listDesk, readManuscript } from "#src/domain/announcements/desk.ts";
import { draft, type Manuscript } from "#src/domain/announcements/draft.ts";
import { edit } from "#src/domain/announcements/edit.ts";
import { publish } from "#src/domain/announcements/publish.ts";
import { getPublished, listPublished } from "#src/domain/announcements/read.ts";
import { ContentHash, NewReview, review } from "#src/domain/announcements/review.ts";
import { DeskEntry, noSuchAnnouncement } from "#src/domain/announcements/store.ts";
import { Teaser } from "#src/domain/announcements/teaser.ts";
import { withdraw } from "#src/domain/announcements/withdraw.ts";
import { warningsOf } from "#src/domain/deliveries/warnings.ts";
import { hasRole, sees } from "#src/domain/members/member.ts";
import type { Commit } from "#src/platform/table.ts";
import { linksOf } from "#src/web/links.ts";
import {
  ManuscriptBody,
  manuscriptBody,
  PublicBody,
  PublishedBody,
  publicBody,
  ScheduledBody,
} from "./announcement-body.ts";
import { ListQuery, listRequest } from "./announcement-list.ts";
import { bytesTag } from "./bytes-tag.ts";
import type { ApiDeps } from "./deps.ts";
import { listed, PAGE, pageSchema } from "./list.ts";
import { once } from "./once.ts";
import { unitOf } from "./own-unit.ts";
import { warningBody } from "./rehearsal-body.ts";
import { type Call, ifMatch, languageOf, type Route, route } from "./route.ts";

const NewAnnouncement = z
  .strictObject({ ...ContentSchema().shape, unitId: ContentSchema().shape.unitId.optional() })
  .meta({ id: "NewAnnouncement" });
const Publication = z.strictObject({ contentHash: ContentHash, at: z.iso.datetime({ offset: true }).optional() });
const Correction = z.strictObject({ contentHash: ContentHash, reason: Reason, ...ContentChange().shape });
const Withdrawal = z.strictObject({ reason: Reason });
const tag = "announcements";

export function announcementRoutes(deps: ApiDeps): Route[] {
  return [
    route(
      {
        method: "post",
        path: "/announcements",
        who: ["editor"],
        tag,
        summary: { zh: "起草公告", en: "Draft an announcement" },
        body: NewAnnouncement,
        bodyLimit: 1024 * 1024,
        creates: true,
        answers: { 201: ManuscriptBody },
      },
      (call) => {
        const content = ContentSchema().parse({ ...call.body, unitId: unitOf(call.caller, call.body.unitId) });
        const warned = warner(deps, call);
        return once(
          deps,
          call,
          async (commit) => {
            const store: Commit<Manuscript> = async (writes, made) => commit(writes, await warned(made));
            return warned(await draft({ ...deps, commit: store }, { caller: call.caller, content }));
          },
          ({ manuscript, warnings }) => ({
            status: 201,
            body: { ...manuscriptBody(manuscript), warnings },
            version: manuscript.announcement.version,
            headers: { location: `/api/v1/announcements/${manuscript.announcement.id}` },
          }),
        );
      },
    ),
    route(
      {
        method: "get",
        path: "/announcements",
        who: "public",
        tag,
        summary: { zh: "已发布的公告，新的在前", en: "Published announcements, newest first" },
        query: ListQuery,
        answers: { 200: pageSchema(Teaser.meta({ id: "AnnouncementTeaser" })) },
      },
      async (call) => listed(deps, call, await listPublished(deps, listRequest(call.query, call.after))),
    ),
    route(
      {
        method: "get",
        path: "/desk",
        who: ["editor", "reviewer"],
        tag,
        summary: { zh: "编辑台：草稿及经手的公告", en: "The desk: drafts and whatever was worked on" },
        query: z.strictObject(PAGE),
        answers: { 200: pageSchema(DeskEntry().meta({ id: "DeskEntry" })) },
      },
      async (call) => {
        const page = { limit: call.query.limit, ...(call.after === undefined ? {} : { after: call.after }) };
        return listed(deps, call, await listDesk(deps, call.caller, page));
      },
    ),
    route(
      {
        method: "get",
        path: "/announcements/{id}",
        who: "public",
        tag,
        summary: {
          zh: "一条公告；编辑和审核者看到处理中的文稿",
          en: "An announcement; editors and reviewers see the text in work",
        },
        answers: { 200: z.union([PublicBody, ManuscriptBody]) },
      },
      async ({ caller, params }) => {
        const published = await getPublished(deps, params.id);
        const inside =
          hasRole(caller, "editor", "reviewer") && (!published || sees(caller, published.revision.content.unitId));
        if (inside) {
          const manuscript = await readManuscript(deps, caller, params.id);
          return {
            status: 200,
            body: { ...(published ? publicBody(published) : {}), ...manuscriptBody(manuscript) },
            version: manuscript.announcement.version,
          };
        }
        if (!published) throw noSuchAnnouncement();
        return bytesTag({ status: 200, body: publicBody(published) });
      },
    ),
    route(
      {
        method: "patch",
        path: "/announcements/{id}",
        who: ["editor"],
        tag,
        summary: { zh: "修改文稿，原有审核作废", en: "Change the text; reviews start anew" },
        body: ContentChange().meta({ id: "AnnouncementChange" }),
        bodyLimit: 1024 * 1024,
        edits: true,
        answers: { 200: ManuscriptBody },
      },
      async (call) => {
        const { caller, params, body } = call;
        const edited = await edit(deps, { caller, id: params.id, version: ifMatch(call), change: body });
        const { manuscript, warnings } = await warner(deps, call)(edited);
        const { version } = manuscript.announcement;
        return { status: 200, body: { ...manuscriptBody(manuscript), warnings }, version };
      },
    ),
    route(
      {
        method: "post",
        path: "/announcements/{id}/review",
        who: ["reviewer"],
        tag,
        summary: { zh: "审核：通过或退回", en: "Review: approve or return" },
        body: NewReview.meta({ id: "Review" }),
        creates: true,
        answers: { 200: ManuscriptBody },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) => review({ ...deps, commit }, { caller: call.caller, id: call.params.id, review: call.body }),
          (manuscript) => ({
            status: 200,
            body: manuscriptBody(manuscript),
            version: manuscript.announcement.version,
          }),
        ),
    ),
    route(
      {
        method: "post",
        path: "/announcements/{id}/publish",
        who: ["editor"],
        tag,
        summary: { zh: "发布，可定时", en: "Publish, now or at a time" },
        body: Publication.meta({ id: "Publication" }),
        creates: true,
        answers: { 202: z.union([PublishedBody, ScheduledBody]) },
      },
      (call) => {
        const { contentHash, at } = call.body;
        const input = { caller: call.caller, id: call.params.id, contentHash, ...(at ? { at: new Date(at) } : {}) };
        return once(
          deps,
          call,
          (commit) => publish({ ...deps, commit }, input),
          (body) => ({ status: 202, body }),
        );
      },
    ),
    route(
      {
        method: "post",
        path: "/announcements/{id}/correct",
        who: ["editor"],
        tag,
        summary: { zh: "发布更正", en: "Publish a correction" },
        body: Correction.meta({ id: "Correction" }),
        bodyLimit: 1024 * 1024,
        creates: true,
        answers: { 202: PublishedBody },
      },
      (call) => {
        const { contentHash, reason, ...change } = call.body;
        const named = { caller: call.caller, id: call.params.id, contentHash, reason };
        const input = Object.keys(change).length > 0 ? { ...named, change } : named;
        return once(
          deps,
          call,
          (commit) => correct({ ...deps, commit }, input),
          (body) => ({ status: 202, body }),
        );
      },
    ),
    route(
      {
        method: "post",
        path: "/announcements/{id}/withdraw",
        who: ["editor"],
        tag,
        summary: { zh: "撤回", en: "Withdraw" },
        body: Withdrawal.meta({ id: "Withdrawal" }),
        creates: true,
        answers: { 202: PublishedBody },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) =>
            withdraw({ ...deps, commit }, { caller: call.caller, id: call.params.id, reason: call.body.reason }),
          (body) => ({ status: 202, body }),
        ),
    ),
  ];
}

/** A manuscript with what its channels have against it, found once though it is asked for twice. */
function warner(deps: ApiDeps, { c }: Pick<Call, "c">) {
  let warnings: Promise<ReturnType<typeof warningBody>[]> | undefined;
  return async (manuscript: Manuscript) => {
    warnings ??= warningsOf({ ...deps, links: linksOf(deps) }, manuscript).then((found) =>
      found.map((one) => warningBody(one, languageOf(c))),
    );
    return { manuscript, warnings: await warnings };
  };
}
