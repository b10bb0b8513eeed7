/** Roles under `server.operators`, from the one that may least. What each may do is the server's to say. */
export const OPERATOR_ROLES = ['scraper', 'viewer', 'approver', 'operator'] as const;
