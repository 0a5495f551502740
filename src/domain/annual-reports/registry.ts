import type { Unit } from "#src/domain/units/unit.ts";
import type { InputError } from "#src/errors.ts";
import type { FieldName, Fields } from "./fields.ts";
import { LABELS } from "./labels.ts";

/** What the registrar holds of the unit, as far as it is on file. */
function registered(unit: Unit): Partial<Record<FieldName, string>> {
  return { institutionName: unit.name, ...(unit.uscc === undefined ? {} : { uscc: unit.uscc }), ...unit.registry };
}

/** Fields that differ from the registry: the change has to be registered before the report can be submitted. */
export function mismatches(fields: Fields, unit: Unit): InputError[] {
  return Object.entries(registered(unit)).flatMap(([key, expected]) => {
    const name = key as FieldName;
    const written = fields[name];
    if (written === null || folded(String(written)) === folded(expected)) return [];
    const zh = `“${LABELS[name].zh}”与登记的“${expected}”不一致，请先办理变更登记`;
    const en = `"${LABELS[name].en}" differs from the registered "${expected}"; register the change first`;
    return [{ pointer: `/${name}`, code: "REGISTRY_MISMATCH", detail: { zh, en } }];
  });
}

function folded(text: string): string {
  return text.normalize("NFKC").replace(/\s/g, "");
}
