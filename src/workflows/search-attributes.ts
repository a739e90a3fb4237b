/** The search attributes by which people and the API find workflows; registered at start if missing. */
import { defineSearchAttributeKey } from '@temporalio/common';

export const EvergrantProvider = defineSearchAttributeKey('EvergrantProvider', 'KEYWORD');
export const EvergrantAccount = defineSearchAttributeKey('EvergrantAccount', 'KEYWORD');
export const EvergrantOrg = defineSearchAttributeKey('EvergrantOrg', 'KEYWORD');
export const EvergrantSource = defineSearchAttributeKey('EvergrantSource', 'KEYWORD');
export const EvergrantOutcome = defineSearchAttributeKey('EvergrantOutcome', 'KEYWORD');
/** The account's generation after a rotation; set only by refreshes that received a new refresh token. */
export const EvergrantGeneration = defineSearchAttributeKey('EvergrantGeneration', 'INT');

export const SEARCH_ATTRIBUTES = [
  EvergrantProvider,
  EvergrantAccount,
  EvergrantOrg,
  EvergrantSource,
  EvergrantOutcome,
  EvergrantGeneration,
];
