/** The member of a step's result under which a refusal stands. */
export const REFUSED = 'refused';
