/** Invented provider files for tests. Each test changes only the members that it is about. */
import { fileAdapter } from '../../../src/providers/catalogue/file-adapter';
import { parseProviderFile } from '../../../src/providers/catalogue/read-file';
import { fileWith } from './_invented-file';

let invented: ReturnType<typeof fileAdapter> | undefined;

/** Replaces the registry in a test, so that entries can name the invented file as their adapter. */
export const registry = { findAdapter: () => invented, adapterIds: () => ['invented'] };

export function inventedFile(members: object) {
  return parseProviderFile('invented', fileWith(members));
}

/** Lets entries name this adapter. */
export function useAdapter(adapter: ReturnType<typeof fileAdapter>) {
  invented = adapter;
  return adapter;
}

export function adapterWith(members: object) {
  return useAdapter(fileAdapter(inventedFile(members)));
}
