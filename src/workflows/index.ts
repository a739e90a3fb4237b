/** All workflows: the file that a Worker loads. */
export { applyPolicyWorkflow } from './apply-policy';
export { auditAnchorWorkflow } from './audit-anchor';
export { deliverEventWorkflow } from './deliver-event';
export { disconnectAccountWorkflow } from './disconnect-account';
export { refreshAccountWorkflow } from './refresh-account';
export { refreshBatchWorkflow } from './refresh-batch';
export { rotateEncryptionWorkflow } from './rotate-encryption';
export { storeConsentWorkflow } from './store-consent';
export { sweepWorkflow } from './sweep';
export { validateAccountWorkflow } from './validate-account';
export { watchAppWorkflow } from './watch-app';
