import { breaksEach } from "./Hunt.ts"
import { membershipMutants } from "./Membership.ts"

breaksEach("membership", membershipMutants)
