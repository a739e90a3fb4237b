/** Merges the members that an entry of `providers.yaml` overrides over a provider file, before the file is checked. */

type Members = Readonly<Record<string, unknown>>;

/** Members that describe the file itself or prove its facts. An override has no sources and no examples. */
const FIXED = new Set(['$schema', 'id', 'checked', 'sources', 'unknown', 'examples']);

/** Returns a problem per member that cannot be overridden, as `field: problem`. */
export function overrideProblems(override: Members): string[] {
  return Object.keys(override)
    .filter((name) => FIXED.has(name))
    .map(
      (name) =>
        `${name}: cannot be overridden; remove it, or copy the provider file and name the copy in file`,
    );
}

/**
 * Returns the file with the members of `override`: maps are merged, `null` removes a member, and any other value replaces
 * the value of the file.
 */
export function overridden(file: unknown, override: Members): unknown {
  return merged(file, withOwnIdentity(file, override));
}

/** An identity from another place has other members, so it replaces that of the file. */
function withOwnIdentity(file: unknown, override: Members): Members {
  const own = override['identity'];
  const stated = isMap(file) ? file['identity'] : undefined;
  if (!isMap(own) || !isMap(stated) || own['from'] === undefined || own['from'] === stated['from'])
    return override;
  const removed = Object.keys(stated).map((name): [string, null] => [name, null]);
  return { ...override, identity: { ...Object.fromEntries(removed), ...own } };
}

function merged(value: unknown, override: unknown): unknown {
  if (!isMap(override)) return override;
  const base = isMap(value) ? value : {};
  const names = new Set([...Object.keys(base), ...Object.keys(override)]);
  return Object.fromEntries(
    [...names].flatMap((name): [string, unknown][] => {
      const own = Object.hasOwn(base, name) ? base[name] : undefined;
      if (!Object.hasOwn(override, name)) return [[name, own]];
      return override[name] === null ? [] : [[name, merged(own, override[name])]];
    }),
  );
}

function isMap(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
