/**
 * Whether PostgreSQL can hold a text as it is: it takes no NUL, and half a surrogate pair becomes another character.
 */
export const isPostgresText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')
