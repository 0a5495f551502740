import { z } from "zod";
import { putUnit } from "#src/domain/units/put-unit.ts";
import { getUnit, listUnits } from "#src/domain/units/read.ts";
import { NewUnit, Unit, UnitId } from "#src/domain/units/unit.ts";
import { checked } from "#src/web/input.ts";
import { unknownPlace } from "#src/web/problem.ts";
import type { PlainDeps } from "./deps.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { optionalIfMatch, type Route, route } from "./route.ts";

const KnownUnit = Unit.meta({ id: "Unit" });

export function unitRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "put",
        path: "/units/{id}",
        who: ["admin"],
        tag: "units",
        summary: { zh: "新建或修改单位", en: "Make a unit, or replace what is known of it" },
        body: NewUnit,
        answers: { 200: KnownUnit, 201: KnownUnit },
      },
      async (call) => {
        const id = checked(UnitId, call.params.id, "/id");
        const { unit, created } = await putUnit(deps, id, call.body, optionalIfMatch(call));
        return { status: created ? 201 : 200, body: unit, version: unit.version };
      },
    ),
    route(
      {
        method: "get",
        path: "/units",
        who: "public",
        tag: "units",
        summary: { zh: "单位列表", en: "List units" },
        query: z.strictObject(PAGE),
        answers: { 200: pageSchema(KnownUnit) },
      },
      async (call) => listed(deps, call, await listUnits(deps, nextOf(call))),
    ),
    route(
      {
        method: "get",
        path: "/units/{id}",
        who: "public",
        tag: "units",
        summary: { zh: "单位信息", en: "Read a unit" },
        answers: { 200: KnownUnit },
      },
      async ({ params }) => {
        const unit = await getUnit(deps, params.id);
        if (!unit) throw unknownPlace();
        return { status: 200, body: unit, version: unit.version };
      },
    ),
  ];
}
