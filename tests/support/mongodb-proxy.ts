/**
 * A proxy on loopback that reads MongoDB's wire protocol between Evergrant and MongoDB, and answers chosen commands in
 * the server's place: with a command error, as a member that is no longer primary does, or with a write concern error.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { ConnectionString } from 'mongodb-connection-string-url';
import mongoose from 'mongoose';

const { BSON } = mongoose.mongo;

export type Document = Record<string, unknown>;

/** A command as the client sent it; `name` is its first member, such as `find`. */
export interface Command {
  name: string;
  collection: unknown;
  document: Document;
}

export type Intervention =
  /** The command does not reach the server. */
  | { kind: 'answer'; reply: Document }
  /** The command takes effect; its reply gets these members too. */
  | { kind: 'amend'; members: Document }
  /** The connection breaks, and the command does not reach the server. */
  | { kind: 'drop' }
  /** The command reaches the server once the promise resolves. */
  | { kind: 'hold'; until: Promise<void> };

/** @returns `null` to pass the command on unchanged */
export type Decide = (command: Command) => Intervention | null;

export interface MongodbProxy {
  /** Returns the URI through the proxy, which then connects to that server, or to the primary of that replica set. */
  through(uri: string): string;
  /** Applies to the commands that arrive from now on; `null` passes all. Never called for the driver's own `hello`. */
  intervene(decide: Decide | null): void;
  /** All commands but the driver's own `hello`, in the order of their arrival. */
  readonly commands: readonly Command[];
  stop(): Promise<void>;
}

/** The commands by which the driver watches a server. A member that is no longer primary answers them, and `ping`. */
const WATCHING: ReadonlySet<string> = new Set(['hello', 'ismaster', 'isMaster', 'ping']);
const NOT_SEEN: ReadonlySet<string> = new Set(['hello', 'ismaster', 'isMaster']);

/** The reply of a server that refuses a command with this code. */
export function refusal(code: number, codeName: string, errorLabels: string[] = []): Intervention {
  const reply = { ok: 0, errmsg: `refused: ${codeName}`, code, codeName };
  return {
    kind: 'answer',
    reply: errorLabels.length === 0 ? reply : { ...reply, errorLabels },
  };
}

/** Refuses every command with this code, as a member that is no longer primary does. */
export function refuseAll(code: number, codeName: string): Decide {
  return ({ name }) => (WATCHING.has(name) ? null : refusal(code, codeName));
}

/** The members that a server adds to the reply of a write that a majority did not confirm. */
export function unconfirmed(code = 64, codeName = 'WriteConcernTimeout'): Document {
  return { writeConcernError: { code, codeName, errmsg: 'waiting for replication timed out' } };
}

type Address = { host: string; port: number } | { path: string };

const HEADER_BYTES = 16;
const MONGODB_PORT = 27_017;
const OP_MSG = 2013;
const CHECKSUM_PRESENT = 1;

export async function startMongodbProxy(): Promise<MongodbProxy> {
  let server: Promise<Address> | undefined;
  let decide: Decide | null = null;
  const commands: Command[] = [];
  const sockets = new Set<Socket>();

  const serve = (client: Socket, address: Address) => {
    const upstream = connect(address);
    /** Members to add to the reply of a request, by the request's id. */
    const amended = new Map<number, Document>();
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    void pass(client, upstream, (message) => {
      const command = commandIn(message);
      if (command === null || isOfDriver(command)) return message;
      commands.push(command);
      const intervention = decide?.(command) ?? null;
      if (intervention?.kind === 'hold') return intervention.until.then(() => message);
      if (intervention?.kind === 'amend') amended.set(requestId(message), intervention.members);
      if (intervention?.kind === 'drop') {
        client.resetAndDestroy();
        return null;
      }
      if (intervention?.kind !== 'answer') return message;
      client.write(replyTo(requestId(message), intervention.reply));
      return null;
    });
    void pass(upstream, client, (message) => {
      const members = amended.get(responseTo(message));
      if (members === undefined) return message;
      amended.delete(responseTo(message));
      return replyTo(responseTo(message), { ...bodyOf(message), ...members });
    });
  };
  const listener = createServer((client) => {
    const addressOfServer = server ?? Promise.reject(new Error('no server'));
    addressOfServer.then(
      (address) => serve(client, address),
      () => client.resetAndDestroy(),
    );
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    commands,
    through(uri) {
      server = addressOf(uri);
      const by = new ConnectionString(uri);
      by.protocol = 'mongodb:';
      by.hosts = [`127.0.0.1:${port}`];
      by.searchParams.delete('replicaSet');
      by.searchParams.set('directConnection', 'true');
      return by.href;
    },
    intervene(next) {
      decide = next;
    },
    async stop() {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The address of the only server of a URI, or of the present primary. */
async function addressOf(uri: string): Promise<Address> {
  const { hosts, isSRV } = new ConnectionString(uri);
  const [only = '', ...others] = hosts;
  if (others.length === 0 && !isSRV) return addressIn(only);
  const client = new mongoose.mongo.MongoClient(uri);
  try {
    const { primary } = await client.db().command({ hello: 1 });
    return addressIn(primary);
  } finally {
    await client.close();
  }
}

function addressIn(host: string): Address {
  const name = decodeURIComponent(host);
  if (name.startsWith('/')) return { path: name };
  const { hostname, port } = new URL(`mongodb://${name}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || MONGODB_PORT) };
}

/** Passes whole messages on, each as `change` returns it; `null` drops it. */
async function pass(
  from: Socket,
  to: Socket,
  change: (message: Buffer) => Buffer | null | Promise<Buffer | null>,
): Promise<void> {
  let waiting = Buffer.alloc(0);
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= HEADER_BYTES && waiting.length >= waiting.readInt32LE(0)) {
        const length = waiting.readInt32LE(0);
        const message = await change(waiting.subarray(0, length));
        waiting = waiting.subarray(length);
        if (message !== null) to.write(message);
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}

function requestId(message: Buffer): number {
  return message.readInt32LE(4);
}

function responseTo(message: Buffer): number {
  return message.readInt32LE(8);
}

/** The driver asks at the database `admin`. */
function isOfDriver({ name, document }: Command): boolean {
  return NOT_SEEN.has(name) && document['$db'] === 'admin';
}

/** `null` for a message of the older protocol, which the driver uses for its first `hello`. */
function commandIn(message: Buffer): Command | null {
  if (message.readInt32LE(12) !== OP_MSG) return null;
  const document = bodyOf(message);
  const [name = '', collection] = Object.entries(document)[0] ?? [];
  return { name, collection, document };
}

/**
 * The document of an OP_MSG, with its document sequences as members.
 * @see https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg
 */
function bodyOf(message: Buffer): Document {
  const flags = message.readUInt32LE(HEADER_BYTES);
  const end = message.length - ((flags & CHECKSUM_PRESENT) === 0 ? 0 : 4);
  let body: Document = {};
  const sequences: Document = {};
  for (let at = HEADER_BYTES + 4; at < end; ) {
    const kind = message.readUInt8(at);
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (kind === 0) body = BSON.deserialize(section);
    else Object.assign(sequences, sequenceIn(section));
    at += 1 + size;
  }
  return { ...body, ...sequences };
}

function sequenceIn(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length; ) {
    const size = section.readInt32LE(at);
    documents.push(BSON.deserialize(section.subarray(at, at + size)));
    at += size;
  }
  return { [section.toString('utf8', 4, nameEnd)]: documents };
}

function replyTo(id: number, document: Document): Buffer {
  const body = BSON.serialize(document);
  const head = Buffer.alloc(HEADER_BYTES + 5);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(id, 8);
  head.writeInt32LE(OP_MSG, 12);
  return Buffer.concat([head, body]);
}
