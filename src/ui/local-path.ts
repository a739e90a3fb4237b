/** The redirect target after sign-in or a change of a preference. It is always one of our pages. */

const HERE = 'http://here.invalid';
const PUBLIC = new Set(['/sign-in', '/docs']);
export const HOME = '/admin/overview';

/** The path and query of a page; `HOME` for any address that is not one of our pages. */
export function localPath(asked: string | undefined): string {
  if (asked === undefined || !URL.canParse(asked, HERE)) return HOME;
  // Parsed as a browser does: `//evil.example`, `/\evil.example` and `javascript:` have another origin.
  const { origin, pathname, search } = new URL(asked, HERE);
  const ours = origin === HERE && (PUBLIC.has(pathname) || pathname.startsWith('/admin/'));
  return ours ? `${pathname}${search}` : HOME;
}

/** The page that a request was made from, according to the browser. */
export function pathOf(address: string | undefined): string | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { pathname, search } = new URL(address);
  return `${pathname}${search}`;
}
