/** Organisation names. Every account, key and log entry belongs to one organisation. */

/** Only characters that need no escaping in queries, logs and URLs. */
export const ORGANISATION_NAME = /^[\w.-]{1,64}$/;

/** Reserved for the audit of operator actions. ORGANISATION_NAME has no parenthesis, so no organisation can use it. */
export const OPERATOR_AUDIT = '(operator)';
