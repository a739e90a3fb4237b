/** Finds the user information of a URL (RFC 3986 §3.2.1), which can be a secret and must not be stored or shown. */

export function hasUserInfo({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}
