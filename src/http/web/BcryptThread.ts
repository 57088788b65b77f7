/** BcryptThread: the thread of Bcrypt: a password and a hash in, whether they fit out. */
import { parentPort } from "node:worker_threads"
import { compareSync } from "bcryptjs"
import type { Question } from "./Bcrypt.ts"

parentPort!.on("message", ({ password, hash }: Question) => {
  // $2x$ is $2y$ of a time with a fault in it, and $2$ lacks a letter: this library knows neither.
  parentPort!.postMessage(compareSync(password, hash.replace(/^\$2x?\$/, "$2y$")))
})
