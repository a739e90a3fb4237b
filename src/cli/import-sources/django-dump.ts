/** Parses Django's `dumpdata`: `{"model": "app.name", "pk": 1, "fields": {…}}`, as a list or as JSON Lines. */
import type { ExportedValue } from './exported-entry';
import { entries, type Fields, fields, id, text } from './fields';

export interface DumpedObject {
  model: string;
  pk: string | undefined;
  fields: Fields;
}

/** Skips other models, because a dump may contain any model of the project. */
export function dumpedObjects(
  values: readonly ExportedValue[],
  isWanted: (model: string) => boolean,
): DumpedObject[] {
  return values
    .flatMap(({ value }) => entries(value, []))
    .flatMap((one) => {
      const model = text(one, 'model')?.toLowerCase();
      if (model === undefined || !isWanted(model)) return [];
      return [{ model, pk: id(one, 'pk'), fields: fields(one, 'fields') ?? {} }];
    });
}
