/** What a person gave us cannot be used; the message is one sentence that says what to do. */
export class InputError extends Error {}
