/** The databases and namespaces that tests create on given servers, which the end of the run removes. */
import { appendFileSync, readFileSync } from 'node:fs';
import { Connection } from '@temporalio/client';
import mongoose from 'mongoose';
import { GrpcStatus, grpcStatus } from '../../src/temporal/grpc-status';

type Kind = 'database' | 'namespace';

const NO_DELAY = { seconds: 0 as never };

/** Records the name before a test creates the database or namespace. The data of embedded servers needs no record. */
export function recordCreated(kind: Kind, name: string): void {
  const file = process.env['EVERGRANT_TESTS_CREATED'];
  if (file !== undefined) appendFileSync(file, `${kind} ${name}\n`);
}

function recorded(file: string, kind: Kind): Set<string> {
  const rows = readFileSync(file, 'utf8').split('\n');
  const names = rows.filter((row) => row.startsWith(`${kind} `));
  return new Set(names.map((row) => row.slice(kind.length + 1)));
}

/** Drops the recorded databases of a given server, and the databases of demo mode beside them. */
export async function dropDatabases(file: string, uri: string): Promise<void> {
  const client = await new mongoose.mongo.MongoClient(uri).connect();
  try {
    for (const name of recorded(file, 'database')) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, because each drop locks the server's catalogue
      await client.db(name).dropDatabase();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await client.db(`${name}_demo`).dropDatabase();
    }
  } finally {
    await client.close();
  }
}

export async function deleteNamespaces(file: string, address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    for (const namespace of recorded(file, 'namespace')) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, because a workflow of the server deletes each
      await deleteNamespace(connection, namespace);
    }
  } finally {
    await connection.close();
  }
}

/** A name is recorded before its namespace exists, so a test that failed early leaves none. */
async function deleteNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.operatorService.deleteNamespace({ namespace, namespaceDeleteDelay: NO_DELAY });
  } catch (error) {
    if (grpcStatus(error) !== GrpcStatus.notFound) throw error;
  }
}
