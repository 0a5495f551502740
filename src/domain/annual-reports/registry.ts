import type { Unit } from "#src/domain/units/unit.ts";
import type { InputError } from "#src/errors.ts";
import type { FieldName, Fields } from "./fields.ts";
import { LABELS } from "./labels.ts";

type Registered = Partial<Record<FieldName, string>>;

/**
 * Fields that differ from what the registrar holds of the unit: the change has to be registered before the report can be
 * submitted. The unit's own name, which may be a short one, is compared only `withName`, for a warning.
 */
export function mismatches(fields: Fields, unit: Unit, options: { withName?: boolean } = {}): InputError[] {
  const registered: Registered = {
    ...(options.withName ? { institutionName: unit.name } : {}),
    ...(unit.uscc === undefined ? {} : { uscc: unit.uscc }),
    ...unit.registry,
  };
  return Object.entries(registered).flatMap(([key, expected]) => {
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
