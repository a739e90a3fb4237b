/** Where to go after signing in or changing the theme: a place of ours, whatever the request says. */

const HERE = 'http://here.invalid';
export const HOME = '/admin/workers';

/** The path and query of a page, or the first page for anything that is not a page of ours. */
export function localPath(asked: string | undefined): string {
  if (asked === undefined || !URL.canParse(asked, HERE)) return HOME;
  // Parsed as a browser would: `//evil.example`, `/\evil.example` and `javascript:` are of another origin.
  const { origin, pathname, search } = new URL(asked, HERE);
  const ours = origin === HERE && (pathname === '/sign-in' || pathname.startsWith('/admin/'));
  return ours ? `${pathname}${search}` : HOME;
}

/** The page that a request was made from, as the browser says. */
export function pathOf(address: string | undefined): string | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { pathname, search } = new URL(address);
  return `${pathname}${search}`;
}
