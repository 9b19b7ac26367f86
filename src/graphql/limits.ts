/** Every bound of GraphQL. */
export const limits = {
  depth: 12,
  breadth: 250,
  complexity: 150_000,
  tokens: 5_000,
  batchedOperations: 10,
  /** Values in all variables together. A published JSON object counts as one value. */
  variableValues: 2_000,
  /** Items in a list of an argument or of a variable. */
  listItems: 200,
  /** Live subscriptions at the same time: over one WebSocket, with one API key, and in the process. */
  livePerSocket: 100,
  livePerKey: 2_500,
  liveInProcess: 10_000,
  /** How far back a stream over SSE resumes from its last event. */
  resumeSeconds: 3_600,
  /** Unfinished operations of one WebSocket, including the live ones. */
  operationsPerSocket: 150,
  /** Megabytes of payloads and logs in one answer, at least: one event of the largest size always fits. */
  answerMegabytes: 10,
  /** Answers of this size at the same time: with one API key, and in the process. */
  fullAnswersPerKey: 2,
  fullAnswers: 4,
  /** The service gives up an answer when the client reads nothing of it for this time. */
  unreadSeconds: 15,
}
