// What only a configuration with integrations or composed calls needs. Loaded with the first such one: axios, bottleneck, JSONata
// and the XML parser are a third of a start, and 14 MB that a plain gateway never uses.
export { compose } from '../../integration/compose/compose.ts';
export { callThirdParty } from '../../integration/facade.ts';
export { Integration } from '../../integration/integration.ts';
export { compileCalls, compositionOf } from './calls.ts';
export { compileFacade } from './facades.ts';
