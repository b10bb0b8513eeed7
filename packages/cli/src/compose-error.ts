/** A configuration that cannot be run as it stands, said in one sentence. */
export class ComposeError extends Error {}
