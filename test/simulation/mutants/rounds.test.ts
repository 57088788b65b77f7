import { breaksEach } from "./Hunt.ts"
import { roundsMutants } from "./Rounds.ts"

breaksEach("rounds", roundsMutants)
