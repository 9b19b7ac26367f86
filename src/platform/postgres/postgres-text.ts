/**
 * Whether PostgreSQL can hold a text as it is: it takes no NUL, and half a surrogate pair becomes another character.
 */
export const isPostgresText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Such a text without control characters. */
export const isOneLineText = (text: string): boolean => isPostgresText(text) && !/\p{Cc}/u.test(text)

/** What a text without control characters, and without these others, matches: for OpenAPI, where `\p` is unknown. */
export const withoutControls = (others = ''): string => `^[^\\u0000-\\u001f\\u007f-\\u009f${others}]*$`
