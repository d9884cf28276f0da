/** Placeholder until the binding lands: everything the addon exports is declared and documented here. */
declare const native: Record<string, never>
export = native
