import { breaksEach } from "./Hunt.ts"
import { proofMutants } from "./Proof.ts"

breaksEach("proof", proofMutants)
