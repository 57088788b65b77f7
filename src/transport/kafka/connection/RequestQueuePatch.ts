/**
 * RequestQueuePatch: kafkajs 2.2.4 re-arms a timer with a negative delay after every answer, which Node turns into an
 * endless 1 ms timer (its issues 1704 and 1751): 5 % of a CPU for an idle connection. Importing this file arms it
 * only while requests are waiting, which is what it is for.
 */
import RequestQueue from "kafkajs/src/network/requestQueue/index.js"

const original = RequestQueue.prototype.scheduleCheckPendingRequests

RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) original.call(this)
}
