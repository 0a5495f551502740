import { z } from "zod";
import { Column, ColumnSlug, NewColumn } from "#src/domain/announcements/column.ts";
import { getColumn, listColumns, putColumn } from "#src/domain/announcements/columns.ts";
import { checked } from "#src/web/input.ts";
import { unknownPlace } from "#src/web/problem.ts";
import type { PlainDeps } from "./deps.ts";
import { listed, pageSchema } from "./list.ts";
import { optionalIfMatch, type Route, route } from "./route.ts";

/** `id` is the slug, under the name that every object's has. */
const KnownColumn = z.object({ id: ColumnSlug(), ...Column().shape }).meta({ id: "Column" });

function known(column: Column): z.infer<typeof KnownColumn> {
  return { id: column.slug, ...column };
}

export function columnRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "put",
        path: "/columns/{slug}",
        who: ["admin"],
        tag: "columns",
        summary: { zh: "新建或修改栏目", en: "Make a column, or change its policy" },
        body: NewColumn(),
        answers: { 200: KnownColumn, 201: KnownColumn },
      },
      async (call) => {
        const slug = checked(ColumnSlug(), call.params.slug, "/slug");
        const { column, created } = await putColumn(deps, slug, call.body, optionalIfMatch(call));
        return { status: created ? 201 : 200, body: known(column), version: column.version };
      },
    ),
    route(
      {
        method: "get",
        path: "/columns",
        who: "public",
        tag: "columns",
        summary: { zh: "栏目列表", en: "List columns" },
        query: z.strictObject({}),
        answers: { 200: pageSchema(KnownColumn) },
      },
      async (call) => listed(deps, call, { items: await listColumns(deps) }, known),
    ),
    route(
      {
        method: "get",
        path: "/columns/{slug}",
        who: "public",
        tag: "columns",
        summary: { zh: "栏目信息", en: "Read a column" },
        answers: { 200: KnownColumn },
      },
      async ({ params }) => {
        const column = await getColumn(deps, params.slug);
        if (!column) throw unknownPlace();
        return { status: 200, body: known(column), version: column.version };
      },
    ),
  ];
}
