/** Decides by the text of a pattern whether all hosts that it accepts belong to one domain, so that no other host gets a token. */

/** Stands for any text in a host. */
const ANY = '*';
/** Most different hosts that are compared. A pattern with more counts as one that accepts any host. */
const HOSTS_MAX = 1000;

/** One part of a regular expression: an escape, a class, the begin of a group, a quantifier, or a character. */
const TOKENS =
  /\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\(\?(?:[:=!]|<[=!]|<\w+>)|[?*+]\??|\{\d+(?:,\d*)?\}\??|[^]/gu;
const LOOKAROUND = /^\(\?<?[=!]$/;
/** Ends under which a country registers domains, such as co.uk. Below them three labels are one domain. */
const SECOND_LEVEL = /^(?:ac|co|com|edu|go|gob|gov|id|mil|ne|net|or|org|web)$/;

/** Returns the hosts that a pattern accepts, with `*` in place of text that differs. */
export function hostsOf(pattern: string): string[] {
  const tokens = pattern.match(TOKENS) ?? [];
  let at = 0;
  const choice = (): string[] => {
    const hosts = sequence();
    while (tokens[at] === '|') {
      at += 1;
      hosts.push(...sequence());
    }
    return distinct(hosts);
  };
  const sequence = (): string[] => {
    let hosts = [''];
    while (at < tokens.length && tokens[at] !== '|' && tokens[at] !== ')')
      hosts = joined(hosts, repeated(part(), tokens[at]));
    return hosts;
  };
  const part = (): string[] => {
    const token = tokens[at] ?? '';
    at += 1;
    if (token.startsWith('(')) {
      const inside = choice();
      at += 1;
      return LOOKAROUND.test(token) ? [''] : inside;
    }
    if (token === '^' || token === '$') return [''];
    return /^(?:[a-z0-9-]|\\[.-])$/i.test(token) ? [token.slice(-1).toLowerCase()] : [ANY];
  };
  const repeated = (hosts: string[], quantifier = ''): string[] => {
    if (!/^(?:[?*+]|\{\d)/.test(quantifier)) return hosts;
    at += 1;
    const isOptional = /^(?:[?*]|\{0)/.test(quantifier);
    const most = quantifier.startsWith('?') ? hosts : joined([ANY], hosts);
    return distinct([...(isOptional ? [''] : []), ...most]);
  };
  return choice();
}

/** Whether a host, with `*` in place of text that differs, is always within one domain, such as `*.example.com`. */
export function isOfOneDomain(host: string): boolean {
  const isOpen = host.includes(ANY);
  const fixed = host.slice(host.lastIndexOf(ANY) + 1);
  // Without a dot, the text before it could be the begin of another domain: evilexample.com.
  if (isOpen && !fixed.startsWith('.')) return false;
  const labels = (isOpen ? fixed.slice(1) : fixed).split('.');
  const [second = '', last = ''] = labels.slice(-2);
  const isCountry = last.length === 2 && SECOND_LEVEL.test(second);
  return (
    labels.length >= (isCountry ? 3 : 2) &&
    labels.every((label) => /^[a-z0-9-]+$/.test(label)) &&
    /^[a-z][a-z0-9-]*[a-z0-9]$/.test(last) &&
    last !== 'localhost'
  );
}

/** Each host of `before` followed by each of `after`. Only the text behind the last `*` matters. */
function joined(before: readonly string[], after: readonly string[]): string[] {
  if (before.length * after.length > HOSTS_MAX) return [ANY];
  return distinct(
    before.flatMap((first) => after.map((next) => (first + next).replace(/^[^]*\*/, ANY))),
  );
}

function distinct(hosts: readonly string[]): string[] {
  return [...new Set(hosts)];
}
