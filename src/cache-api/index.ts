// What can be asked of the caches of an agent, and the form of the answers: the same on its host, over the bus and over HTTP, and what `--json`
// prints. A leaf of value types: nothing here knows where caches lie, nor how a question travels. What is kept grows kinds; answers keep the
// fields that are not named here, so that whoever only passes them on need not know them.
export {
  type CacheAnswer,
  type CacheVerb,
  cacheAnswers,
  parseCacheAnswer,
} from "./answers.js";
export {
  type CacheKind,
  type CacheProgress,
  type CacheQuestion,
  cacheKind,
  cacheProgress,
  cacheQuestion,
  mostCacheAnswer,
} from "./question.js";
