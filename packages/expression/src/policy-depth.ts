/** Policies that call policies that call policies, at most. */
export const POLICY_DEPTH_MAX = 16;
