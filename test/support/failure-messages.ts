/** Failures name every value that was found, so that the message alone, at the end of CI's log, tells what is wrong. */
export const wholeValues = { truncateThreshold: 0 }
