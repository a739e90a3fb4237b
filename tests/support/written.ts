/** Searches everything that Evergrant has written for secrets, in plain text and in common encodings. */
import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
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

/**
 * Everything that Temporal has written: the database file of the embedded server with its write-ahead log, or all
 * workflows and schedules of the client's namespace on a given server, whose database no test can read.
 */
export async function temporalDump(client: Client): Promise<string> {
  const file = engines.temporalDatabase;
  if (file === null) return namespaceDump(client);
  const read = (suffix: string) => {
    try {
      return readFileSync(`${file}${suffix}`).toString('latin1');
    } catch {
      return '';
    }
  };
  return read('') + read('-wal');
}

async function namespaceDump(client: Client): Promise<string> {
  const dumps: string[] = [];
  for await (const { workflowId, runId, raw } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const [described, history] = await Promise.all([handle.describe(), handle.fetchHistory()]);
    dumps.push(...texts([raw, described.raw, history]));
  }
  for await (const { scheduleId } of client.schedule.list())
    dumps.push(...texts((await client.schedule.getHandle(scheduleId).describe()).raw));
  return dumps.join('\n');
}

/** All texts and bytes of a message. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('latin1')];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...texts(member)]);
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
