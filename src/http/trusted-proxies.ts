/**
 * Finds the client of a request behind the reverse proxies that the operator trusts (`TRUSTED_PROXIES`). `Forwarded`
 * and `X-Forwarded-…` are trusted only as far as a trusted proxy wrote them, because any client can send them.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parse as parseForwarded } from 'forwarded-parse';
import { isIn, type Network, normalAddress } from '../domain/access/network';

export interface Client {
  /** `null` if the connection is already closed. */
  address: string | null;
  /** The client's connection, as the outermost trusted proxy reports it; `null` if it does not. */
  protocol: string | null;
  host: string | null;
}

/** A proxy's report of the connection that reached it. */
type Hop = Client;

export class TrustedProxies {
  readonly #networks: readonly Network[];

  constructor(networks: readonly Network[]) {
    this.#networks = networks;
  }

  clientOf({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): Client {
    const { remoteAddress } = socket;
    const peer = remoteAddress === undefined ? null : normalAddress(remoteAddress);
    const direct = { address: peer, protocol: null, host: null };
    if (peer === null || !isIn(peer, this.#networks)) return direct;
    const walked = [xForwardedHops(headers), forwardedHops(headers)]
      .filter((hops) => hops.length > 0)
      .map((hops) => this.#walk(peer, hops));
    const [first, second = first] = walked;
    if (first === undefined || second === undefined) return direct;
    return {
      // A proxy that writes one of the two headers passes the other one on as the client sent it.
      address: first.address === second.address ? first.address : peer,
      protocol: first.protocol ?? second.protocol,
      host: first.host ?? second.host,
    };
  }

  /** Walks from the nearest hop outwards, until an address is not a trusted proxy or cannot be read. */
  #walk(peer: string, hops: readonly Hop[]): Client {
    const client: Client = { address: peer, protocol: null, host: null };
    for (const { address, protocol, host } of hops.toReversed()) {
      Object.assign(client, { protocol, host });
      // Hidden (`unknown`, `_…`) or malformed: the last trusted proxy counts as the client.
      if (address === null) break;
      client.address = address;
      if (!isIn(address, this.#networks)) break;
    }
    return client;
  }
}

/** The lists of the three headers are aligned at their right end; a shorter one begins at the outermost proxy. */
function xForwardedHops(headers: IncomingHttpHeaders): Hop[] {
  const addresses = listOf(headers['x-forwarded-for']);
  const protocols = listOf(headers['x-forwarded-proto']);
  const hosts = listOf(headers['x-forwarded-host']);
  if (addresses.length + protocols.length + hosts.length === 0) return [];
  const hops = addresses.length === 0 ? [''] : addresses;
  return hops.map((address, at) => {
    const fromRight = hops.length - at;
    const aligned = (list: string[]) => list.at(-Math.min(fromRight, list.length)) ?? null;
    return { address: nodeAddress(address), protocol: aligned(protocols), host: aligned(hosts) };
  });
}

/**
 * Parses each element separately, so that a malformed element does not hide the elements to its right.
 * @see [RFC 7239 §4](https://www.rfc-editor.org/rfc/rfc7239#section-4)
 */
function forwardedHops(headers: IncomingHttpHeaders): Hop[] {
  return listOf(headers['forwarded']).map((element) => {
    try {
      const [{ for: node, proto, host } = {}] = parseForwarded(element);
      return {
        address: node === undefined ? null : nodeAddress(node),
        protocol: proto ?? null,
        host: host ?? null,
      };
    } catch {
      return { address: null, protocol: null, host: null };
    }
  });
}

function listOf(header: string | string[] | undefined): string[] {
  if (header === undefined || header.length === 0) return [];
  return header
    .toString()
    .split(',')
    .map((element) => element.trim());
}

/** `192.0.2.43`, `192.0.2.43:47011`, `2001:db8::17`, `[2001:db8::17]`, `[2001:db8::17]:47011` */
function nodeAddress(node: string): string | null {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\w+)?$/.exec(node) ?? [];
  return normalAddress(bracketed ?? plain ?? node);
}
