import { breaksEach } from "./Hunt.ts"
import { logBackMutants } from "./LogBack.ts"

breaksEach("logBack", logBackMutants)
