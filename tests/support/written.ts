/** Searches everything that Evergrant has written for secrets, in plain text and in common encodings. */
import { readFileSync } from 'node:fs';
import mongoose from 'mongoose';
import { engines } from './engines';

/** The marker in plain text, in hex, and in base64 at each of the three alignments. */
function forms(marker: string): string[] {
  const base64 = [0, 1, 2].map((lead) => {
    const text = Buffer.concat([Buffer.alloc(lead), Buffer.from(marker)]).toString('base64');
    // The characters at both ends depend on the neighbours; the middle does not.
    return text.slice(lead === 0 ? 0 : 4, -4);
  });
  return [marker, ...base64, Buffer.from(marker).toString('hex')];
}

export function hits(text: string, markers: readonly string[]): string[] {
  return markers.flatMap(forms).filter((form) => text.includes(form));
}

/** The whole database of the Temporal server, including the write-ahead log: all histories of all namespaces. */
export function temporalDatabase(): string {
  const read = (suffix: string) => {
    try {
      return readFileSync(`${engines.temporalDatabase}${suffix}`).toString('latin1');
    } catch {
      return '';
    }
  };
  return read('') + read('-wal');
}

/** All documents of a database. */
export async function mongodbDump(uri: string): Promise<string> {
  const connection = await mongoose.createConnection(uri).asPromise();
  try {
    const collections = (await connection.db?.collections()) ?? [];
    const dumps = await Promise.all(collections.map((one) => one.find({}).toArray()));
    return JSON.stringify(dumps);
  } finally {
    await connection.close();
  }
}
