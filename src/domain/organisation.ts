/** Whose an account is: the name that everything is kept apart by. */

/** Letters, digits, `.`, `_` and `-`: it stands in queries, logs and addresses as it is. */
export const ORGANISATION_NAME = /^[\w.-]{1,64}$/;
