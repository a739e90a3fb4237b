/** The one file a Worker loads: all workflows. */
export { applyPolicyWorkflow } from './apply-policy';
export { deliverEventWorkflow } from './deliver-event';
export { refreshAccountWorkflow } from './refresh-account';
export { refreshBatchWorkflow } from './refresh-batch';
export { rotateEncryptionWorkflow } from './rotate-encryption';
export { sweepWorkflow } from './sweep';
export { validateAccountWorkflow } from './validate-account';
export { watchLaneWorkflow } from './watch-lane';
