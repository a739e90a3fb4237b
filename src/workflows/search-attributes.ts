/** The search attributes by which people and the API find workflows. Registered by the application if missing. */
import { defineSearchAttributeKey } from '@temporalio/common';

export const EvergrantProvider = defineSearchAttributeKey('EvergrantProvider', 'KEYWORD');
export const EvergrantAccount = defineSearchAttributeKey('EvergrantAccount', 'KEYWORD');
export const EvergrantOrg = defineSearchAttributeKey('EvergrantOrg', 'KEYWORD');
export const EvergrantSource = defineSearchAttributeKey('EvergrantSource', 'KEYWORD');
export const EvergrantOutcome = defineSearchAttributeKey('EvergrantOutcome', 'KEYWORD');
/** Of refreshes that brought a new refresh token: the account's generation since. */
export const EvergrantGeneration = defineSearchAttributeKey('EvergrantGeneration', 'INT');

export const SEARCH_ATTRIBUTES = [
  EvergrantProvider,
  EvergrantAccount,
  EvergrantOrg,
  EvergrantSource,
  EvergrantOutcome,
  EvergrantGeneration,
];
