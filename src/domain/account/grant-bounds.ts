/**
 * Size limits of a grant, for token responses and for entered grants alike. They exceed every known provider; refresh
 * tokens of 20,000 characters and grants with 200 scopes have been seen.
 */

/** Maximum token length, in characters. Longer input is rejected; a longer token in a response gives a warning. */
export const TOKEN_LENGTH_MAX = 32_768;

/** Maximum number of scopes. Input beyond it is rejected; a response with more keeps the first ones, with a warning. */
export const SCOPES_MAX = 1_000;

/** Maximum scope length, in characters. */
export const SCOPE_LENGTH_MAX = 1_000;

/** Maximum number of provider values. A provider file that keeps more is not valid. */
export const PROVIDER_VALUES_MAX = 10;

/** Maximum length of a provider value, in characters. A longer one is dropped, with a warning. */
export const PROVIDER_VALUE_LENGTH_MAX = 500;
