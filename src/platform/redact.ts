/** Takes the passwords out of URLs in a text that is going to be shown: `redis://user:***@host`. */
export const redact = (text: string): string => text.replace(/(\/\/[^\s:/@]*):[^\s@]*@/g, '$1:***@')
