import { sha256 } from "#src/ids.ts";

const CSS = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --paper: #ffffff; --soft: #f8f9fb; --ink: #1b1f26; --muted: #515a66; --line: #dcdfe5; --edge: #79818d;
  --red: #b01119; --red-soft: #fdf1f0; --red-line: #ecc6c3; --link: #0f4c8a; --amber: #7a4a00; --amber-soft: #fff6e3;
  --amber-line: #ecd7a8; --green: #17603a; --green-soft: #edf7f0; --fill: #b01119; --on-fill: #ffffff; --shadow: 0 1px 2px rgb(20 28 40 / 6%);
  --sans: "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei UI", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC",
    "Source Han Sans SC", system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --serif: "Songti SC", "STSong", "Noto Serif CJK SC", "Source Han Serif SC", "SimSun", Georgia, serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111418; --paper: #191d23; --soft: #1f242b; --ink: #e9ebee; --muted: #aeb6c1; --line: #323943; --edge: #87909c;
    --red: #ff9a92; --red-soft: #2c1b1c; --red-line: #6b3330; --link: #93bfff; --amber: #f3c46b; --amber-soft: #2a2216;
    --amber-line: #5f4a20; --green: #7fd3a0; --green-soft: #16261d; --fill: #c22a33; --on-fill: #ffffff; --shadow: none;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { font-size: 112.5%; scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); font-family: var(--sans); line-height: 1.7;
  overflow-wrap: anywhere; display: flex; flex-direction: column; min-height: 100vh; min-height: 100dvh;
}
main { flex: 1; }
.wrap { width: 100%; max-width: 66rem; margin-inline: auto; padding-inline: clamp(0.9rem, 3vw, 2rem); }
a { color: var(--link); text-decoration-thickness: 0.06em; text-underline-offset: 0.2em; }
a:hover { text-decoration-thickness: 0.12em; }
a, h1, h2, h3, dd, td, li, summary { unicode-bidi: isolate; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 3px; }
h1, h2, h3 { line-height: 1.35; margin: 0; text-wrap: balance; }
h1 { font-size: clamp(1.5rem, 1.1rem + 1.8vw, 2.1rem); }
h2 { font-size: 1.25rem; }
h3 { font-size: 1.05rem; }
p, ul, ol, dl, table, figure, blockquote { margin: 0 0 1rem; }
small, .small { font-size: 0.85rem; }
.muted { color: var(--muted); }
.num { white-space: nowrap; }
.num small { white-space: normal; }
.num, time { font-variant-numeric: tabular-nums; }
.skip { position: absolute; left: -200vw; top: 0; padding: 0.6rem 1rem; background: var(--ink); color: var(--paper); z-index: 9; }
.skip:focus { left: 0; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.top { background: var(--paper); border-top: 4px solid var(--red); border-bottom: 1px solid var(--line); }
.brand { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1.5rem; padding-block: 1.1rem 0.6rem; }
.brand .name { display: flex; align-items: center; gap: 0.8rem; color: inherit; text-decoration: none; margin-inline-end: auto; }
.brand svg { width: 2.6rem; height: 2.6rem; flex: none; }
.brand b { font-family: var(--serif); font-size: 1.55rem; letter-spacing: 0.06em; line-height: 1.2; display: block; }
.brand .motto { color: var(--muted); font-size: 0.85rem; display: block; line-height: 1.5; }
.head + .card { margin-top: 1rem; }
.tools { display: flex; gap: 0.4rem 1.1rem; font-size: 0.9rem; flex-wrap: wrap; }
.tools a { padding-block: 0.35rem; }
.nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
.nav a { display: inline-block; padding: 0.5rem 0 0.55rem; color: var(--ink); text-decoration: none; border-bottom: 3px solid transparent; }
.nav a:hover { border-color: var(--line); }
.nav a[aria-current] { border-color: var(--red); font-weight: 600; }
.crumbs { font-size: 0.9rem; padding-block: 1rem 0; }
.crumbs ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.5rem; color: var(--muted); }
.crumbs li + li::before { content: "›"; margin-inline-end: 0.5rem; color: var(--muted); }
.crumbs a { display: inline-block; padding-block: 0.2rem; }
main.wrap { padding-block: 1.4rem 3rem; }
.crumbs + main.wrap { padding-top: 0.9rem; }

.columns-2 { display: grid; gap: 1.6rem 2.2rem; grid-template-columns: minmax(0, 1fr); }
.columns-2 > * { min-width: 0; }
@media (min-width: 56rem) { .columns-2 { grid-template-columns: minmax(0, 1fr) 19rem; align-items: start; } }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 1.2rem clamp(1rem, 3vw, 1.6rem); box-shadow: var(--shadow); margin-bottom: 1.4rem; }
.card > :last-child { margin-bottom: 0; }
.card h2 { margin-bottom: 0.5rem; }
.card > h2:not(:first-child) { margin-top: 1.6rem; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0.2rem 1rem; margin-bottom: 0.4rem; }
.head h2, .head h1 { padding-inline-start: 0.7rem; border-inline-start: 4px solid var(--red); line-height: 1.2; }
.lead { color: var(--muted); max-width: 46rem; }

.list { list-style: none; padding: 0; margin: 0; }
.list > li { padding: 0.95rem 0; border-top: 1px solid var(--line); }
.list > li:first-child { border-top: 0; }
.list h2, .list h3 { font-size: 1.08rem; font-weight: 600; margin: 0; }
.list h3 a { color: var(--ink); text-decoration: none; }
.list h3 a:hover { color: var(--link); text-decoration: underline; }
.list p { margin: 0.3rem 0 0; }
.facts { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.1rem 1.1rem; font-size: 0.88rem; color: var(--muted); margin: 0.35rem 0 0; padding: 0; list-style: none; }
.facts a { display: inline-block; padding-block: 0.15rem; }
.badge { display: inline-block; font-size: 0.8rem; line-height: 1.5; padding: 0.05rem 0.5rem; border-radius: 4px; border: 1px solid var(--line); color: var(--muted); font-weight: 500; white-space: nowrap; vertical-align: 0.12em; margin-inline-end: 0.4rem; }
.badge.urgent { background: var(--fill); border-color: var(--fill); color: var(--on-fill); }
.badge.important, .badge.late { color: var(--amber); border-color: var(--amber-line); background: var(--amber-soft); }
.badge.good { color: var(--green); border-color: currentColor; background: var(--green-soft); }
.alert { border: 1px solid var(--red-line); border-inline-start: 5px solid var(--red); background: var(--red-soft); border-radius: 8px; padding: 1rem clamp(1rem, 3vw, 1.6rem); margin-bottom: 1.4rem; }
.alert .list > li { border-color: var(--red-line); padding-block: 0.6rem; }
.alert > h2 { color: var(--red); font-size: 1.05rem; }
.notice { border: 1px solid var(--amber-line); border-inline-start: 5px solid var(--amber); background: var(--amber-soft); border-radius: 8px; padding: 0.9rem 1.2rem; margin-bottom: 1.3rem; }
.notice.red { border-color: var(--red-line); border-inline-start-color: var(--red); background: var(--red-soft); }
.notice.green { border-color: var(--green); background: var(--green-soft); }
.notice > :last-child { margin-bottom: 0; }
.notice p { margin: 0 0 0.3rem; }
.notice .title { font-weight: 700; font-size: 1.05rem; }
.notice.red .title { color: var(--red); }
.tiles { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 7.2rem), 1fr)); }
.tiles a { display: block; padding: 0.6rem 0.8rem; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; color: var(--ink); text-decoration: none; height: 100%; line-height: 1.45; }
.tiles a:hover { border-color: var(--link); color: var(--link); }
.tiles small { display: block; color: var(--muted); }
.pager { display: flex; flex-wrap: wrap; gap: 0.6rem 1.4rem; align-items: center; justify-content: space-between; margin-top: 1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
.empty { text-align: center; padding: 2.2rem 1rem; color: var(--muted); }

.article { max-width: 52rem; margin-inline: auto; }
.article > header { margin-bottom: 1.5rem; padding-bottom: 1.1rem; border-bottom: 2px solid var(--red); }
.article h1 { font-family: var(--serif); letter-spacing: 0.01em; }
.article > header h1 { text-align: center; margin-block: 0.3rem 0.9rem; }
.article > header .kicker { text-align: center; margin: -0.5rem 0 0.9rem; font-size: 1.15rem; }
.article > header .facts { justify-content: center; text-align: center; font-size: 0.92rem; }
.summary { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 0.8rem 1rem; color: var(--muted); }
.text { font-size: 1.06rem; line-height: 1.9; }
.text > :first-child { margin-top: 0; }
.text h1, .text h2, .text h3, .text h4 { margin: 1.8rem 0 0.7rem; font-family: var(--sans); text-align: start; line-height: 1.45; }
.text h1 { font-size: 1.35rem; } .text h2 { font-size: 1.22rem; } .text h3, .text h4 { font-size: 1.08rem; }
.text img { max-width: 100%; height: auto; }
.text pre { overflow-x: auto; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 0.8rem 1rem; font-size: 0.9rem; line-height: 1.6; }
.text code, .code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.9em; }
.text blockquote { border-inline-start: 4px solid var(--line); padding-inline-start: 1rem; color: var(--muted); margin-inline: 0; }
.text table { display: block; overflow-x: auto; border-collapse: collapse; }
.text .align-right { text-align: end; } .text .align-center { text-align: center; }
.text th, .text td { border: 1px solid var(--line); padding: 0.4rem 0.7rem; text-align: start; }
.shown { white-space: pre-wrap; font: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 0.8rem 1rem; margin: 0 0 0.4rem; max-height: 24rem; overflow-y: auto; }
.card > h3, form > h3 { margin-block: 1.2rem 0.4rem; }
.sign { text-align: end; margin-block: 1.8rem 0; }
.proof { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line); }
.proof h2 { font-size: 1.05rem; margin-bottom: 0.5rem; }
.history { list-style: none; padding: 0; margin: 0 0 1rem 0.3rem; }
.history li { padding: 0.35rem 0 0.35rem 1.1rem; border-inline-start: 2px solid var(--line); position: relative; }
.history li::before { content: ""; position: absolute; left: -0.36rem; top: 1rem; width: 0.6rem; height: 0.6rem; border-radius: 50%; background: var(--paper); border: 2px solid var(--edge); }
.history li.now::before { background: var(--red); border-color: var(--red); }
.history p { margin: 0; }
details { border: 1px solid var(--line); border-radius: 6px; padding: 0.2rem 1rem; margin-bottom: 1rem; background: var(--soft); }
summary { cursor: pointer; padding: 0.45rem 0; font-weight: 600; }

.table { width: 100%; border-collapse: collapse; background: var(--paper); }
.table caption { text-align: start; color: var(--muted); font-size: 0.9rem; padding-bottom: 0.5rem; }
.table th, .table td { border: 1px solid var(--line); padding: 0.65rem 0.9rem; text-align: start; vertical-align: top; }
.table th { font-weight: 600; background: var(--soft); }
.table tbody th { width: 13rem; }
.table tbody th .code, .table tbody th small { font-weight: 400; }
.table.wide button { white-space: nowrap; }
.table.figures thead th { white-space: nowrap; font-size: 0.88rem; }
.table.figures tbody th { width: auto; min-width: 11rem; }
.table.figures th, .table.figures td { padding-inline: 0.55rem; }
.table th .num { color: var(--muted); font-weight: 400; margin-inline-end: 0.5rem; }
.table td p:last-child, .table td ul:last-child, .table td ol:last-child, .table td dl:last-child { margin-bottom: 0; }
.table mark { background: none; color: inherit; font-weight: 700; border-bottom: 2px solid var(--red-line); }
.table mark.doubt { border-bottom: 2px dotted var(--amber); }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
.scroll .table { margin: 0; }
@media (max-width: 56.25rem) {
  .table.stack, .table.stack caption, .table.stack tbody, .table.stack tr, .table.stack th, .table.stack td { display: block; width: auto; }
  .table.stack tr { border: 1px solid var(--line); margin-bottom: -1px; }
  .table.stack th, .table.stack td { border: 0; }
  .table.stack th { padding-bottom: 0.35rem; }
  .table.stack td { padding-top: 0.5rem; }
  .table.stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .scroll .table.stack tr:last-child { margin-bottom: 0; }
  .table.stack td[data-label] { padding-block: 0.3rem 0.5rem; }
  .table.stack td:empty { display: none; }
  .table.stack td[data-label]::before { content: attr(data-label); content: attr(data-label) / ""; display: inline-block; margin-inline-end: 0.7rem; color: var(--muted); font-size: 0.85rem; }
  .table.figures tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.2rem, 1fr)); }
  .table.figures th, .table.figures td:not(.num) { grid-column: 1 / -1; }
  .table.figures tbody th, .table.figures td { min-width: 0; padding-inline: 0.7rem 0.1rem; }
  .table.figures td.num { padding-block: 0.4rem; }
  .table.figures td.num::before { display: block; margin: 0; font-size: 0.8rem; }
}
@media (min-width: 40rem) and (max-width: 56.25rem) {
  .table.stack.wide tr { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr) minmax(9rem, auto); }
  .table.stack.wide th { grid-column: 1 / -1; }
  .table.stack.wide td[data-label]::before { display: block; }
}
progress { width: min(100%, 24rem); height: 0.9rem; accent-color: var(--green); vertical-align: middle; margin-inline-end: 0.6rem; }
.pairs { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.35rem 1.2rem; }
.pairs dt { color: var(--muted); }
.pairs dd { margin: 0; }
@media (max-width: 30rem) { .pairs { grid-template-columns: minmax(0, 1fr); gap: 0; } .pairs dd { margin-bottom: 0.6rem; } }
.qr { display: block; width: min(100%, 18rem); height: auto; border: 1px solid var(--line); border-radius: 6px; margin: 0 0 1rem; }
.big { font-size: 1.5rem; font-weight: 700; letter-spacing: 0.04em; font-variant-numeric: tabular-nums; line-height: 1.4; }

form.stacked { max-width: 42rem; }
.field { margin-bottom: 1.25rem; }
.field > label, legend { display: block; font-weight: 600; margin-bottom: 0.25rem; padding: 0; }
.hint { color: var(--muted); font-size: 0.88rem; margin: 0 0 0.35rem; }
.wrong { color: var(--red); font-weight: 600; margin: 0.3rem 0 0; }
.need { color: var(--red); font-weight: 400; font-size: 0.85rem; margin-inline-start: 0.3rem; }
input[type="text"], input[type="url"], input[type="date"], input[type="time"], input[type="datetime-local"], input[type="password"], input[type="search"], select, textarea {
  width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--edge); border-radius: 6px; padding: 0.5rem 0.75rem; min-height: 2.7rem; max-width: 100%;
}
textarea { min-height: 5rem; resize: vertical; line-height: 1.6; }
[aria-invalid="true"] { border: 2px solid var(--red) !important; }
fieldset { border: 0; margin: 0 0 1.25rem; padding: 0; min-width: 0; }
fieldset.inner { margin: 0.3rem 0 0.6rem; }
td form + form { margin-top: 0.9rem; }
.choices { display: grid; gap: 0 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
.choices.one { grid-template-columns: minmax(0, 1fr); }
.choice { display: flex; gap: 0.6rem; align-items: baseline; padding: 0.3rem 0; cursor: pointer; }
.choice input { width: 1.1rem; height: 1.1rem; flex: none; accent-color: var(--red); margin: 0; transform: translateY(0.15rem); }
button, .button { display: inline-block; font: inherit; font-weight: 600; color: var(--on-fill); background: var(--fill); border: 1px solid var(--fill); border-radius: 6px; padding: 0.55rem 1.5rem; min-height: 2.7rem; cursor: pointer; text-decoration: none; text-align: center; }
button:hover, .button:hover { filter: brightness(1.08); text-decoration: none; }
.button.quiet, button.quiet { background: none; color: var(--link); border-color: var(--edge); }
.row { display: flex; flex-wrap: wrap; gap: 0.7rem 1rem; align-items: end; }
.row + .row { margin-top: 0.9rem; }
fieldset > .row + details { margin-top: 0.9rem; }
.row .field { margin: 0; flex: 1 1 11rem; }
.row .field.short { flex: 0 1 9rem; }
.row button { flex: none; max-width: 100%; }

.foot { background: var(--paper); border-top: 1px solid var(--line); color: var(--muted); font-size: 0.9rem; padding-block: 1.6rem 2rem; }
.foot p { margin: 0 0 0.4rem; }
.foot ul { align-items: baseline; list-style: none; margin: 0 0 0.5rem; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.3rem; }
.foot a { display: inline-block; padding-block: 0.2rem; }

@media print {
  :root { --ground: #fff; --paper: #fff; --soft: #fff; --ink: #000; --muted: #333; --line: #999; --red: #b01119; --link: #000; color-scheme: light; }
  html { font-size: 11pt; }
  .top, .crumbs, .foot, .noprint, .skip { display: none; }
  main.wrap { padding: 0; max-width: none; }
  .card, .notice { border-color: #999; box-shadow: none; break-inside: avoid; }
  .article { max-width: none; }
  .article.card { border: 0; padding: 0; break-inside: auto; }
  .text a[href^="http"]::after { content: " (" attr(href) ")"; font-size: 0.85em; }
  .onlyprint { display: block !important; }
  tr, li { break-inside: avoid; }
}
.onlyprint { display: none; }
@media (prefers-reduced-motion: no-preference) { a, button { transition: color 120ms, border-color 120ms; } }
`;

export const STYLE = CSS.replace(/\n\s*/g, "\n").trim();

/** The name changes with the bytes, so that it can be kept for a year. */
export const STYLE_PATH = `/assets/${sha256(STYLE).slice(0, 16)}.css`;

/** A notice board: three lines of a posted text under a roof. */
export const MARK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" aria-hidden="true" focusable="false"><rect width="48" height="48" rx="9" fill="#b01119"/><path d="M7 17 24 7l17 10v3H7z" fill="#fff"/><path d="M11 23h26v17H11z" fill="#fff"/><path d="M15.5 28h17M15.5 32h17M15.5 36h10" stroke="#b01119" stroke-width="2.2"/></svg>`;

export const ICON_PATH = `/assets/${sha256(MARK).slice(0, 16)}.svg`;
