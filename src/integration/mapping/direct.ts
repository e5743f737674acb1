// JSONata without jsonata: the part of the language that ordinary mappings use, compiled to plain functions.
//
// jsonata evaluates every node in asynchronous functions, which costs a facade call nearly as much as all else. What is
// direct has no functions of its own and so no recursion: its depth is that of the text, and its cost is counted. It gives
// the very value that jsonata gives or none at all: what it does not know, is not sure of, or what is an error, goes to jsonata.
import { BUILTINS } from './direct/functions.ts';
import { OPERATORS, truthOf } from './direct/operators.ts';
import { filter, itemAt, name, object, path, step } from './direct/path.ts';
import { sort } from './direct/sort.ts';
import { NotDirect, SyntaxNode } from './direct/syntax.ts';
import {
  type Evaluate,
  isList,
  isNumeric,
  isRecord,
  type List,
  type Part,
  pushAll,
  Run,
  refuseFunction,
  sequenceOf,
  settle,
  UNDECIDED,
} from './direct/value.ts';

export { UNDECIDED } from './direct/value.ts';

/** A compiled expression: gives the value, or {@link UNDECIDED}. It changes neither of what it is given. */
export type Direct = (input: unknown, variables: Readonly<Record<string, unknown>>) => unknown;

/**
 * Compiles a syntax tree, or gives undefined when it has something that is not direct.
 *
 * @param ast as `jsonata(text).ast()` gives it
 * @param maxDepth the nodes that jsonata may be in at a time
 */
export function compileDirect(ast: unknown, maxDepth: number): Direct | undefined {
  const compiler = new Compiler();
  let whole: Part;
  try {
    whole = compiler.part(new SyntaxNode(ast));
  } catch (error) {
    if (error instanceof NotDirect) return undefined;
    throw error;
  }
  // Items of a list and members of an object are evaluated side by side there: a wide expression is a deep one.
  if (whole.depth + 1 > maxDepth) return undefined;
  const builtins = [...compiler.builtins];
  return (input, variables) => {
    // The caller's variables may hide a function.
    if (builtins.some((builtin) => Object.hasOwn(variables, builtin))) return UNDECIDED;
    try {
      return whole.evaluate(isList(input) ? wrapped(input) : input, new Run(input, variables));
    } catch (error) {
      if (error === UNDECIDED) return UNDECIDED;
      throw error;
    }
  };
}

function wrapped(input: List): List {
  const wrapper = sequenceOf(input);
  wrapper.outerWrapper = true;
  return wrapper;
}

/** What a type of node is by itself, before its filters and its grouping. */
interface Kind {
  readonly evaluate: Evaluate;
  /** Depth of what it has in it; undefined when it has nothing in it. */
  readonly inner?: number;
  /** Its result may be a sequence that is yet to be settled. */
  readonly unsettled?: boolean;
}

/** Members that any node may have; a path sees to `stages` where the node is a step of it. */
const OF_ANY = ['keepArray', 'predicate', 'group', 'stages'];

const deepest = (parts: readonly Part[]): number => Math.max(0, ...parts.map(({ depth }) => depth));
const sideBySide = (parts: readonly Part[]): number => parts.reduce((sum, { depth }) => sum + depth, 0);
const evaluatesOf = (parts: readonly Part[]): Evaluate[] => parts.map(({ evaluate }) => evaluate);

class Compiler {
  /** Functions that it calls. */
  readonly builtins = new Set<string>();
  /** Where the variables are kept that enclosing blocks bind. */
  #scope: ReadonlyMap<string, number> = new Map();
  #bound = 0;

  part(node: SyntaxNode): Part {
    const { evaluate, inner, unsettled = false } = this.#kind(node);
    const filters = node.nodes('predicate').map((each) => this.#filter(each));
    const group = node.type !== 'path' && node.has('group') ? this.#group(node.node('group')) : undefined;
    const keepArray = node.has('keepArray');
    if (filters.length === 0 && group === undefined) {
      const settled: Evaluate = (input, run) => settle(evaluate(input, run), keepArray);
      return { evaluate: unsettled ? settled : evaluate, depth: inner === undefined ? 0 : 1 + inner };
    }
    const narrow = evaluatesOf(filters);
    const settled: Evaluate = (input, run) => {
      let value = evaluate(input, run);
      for (const each of narrow) value = each(value, run);
      return settle(group === undefined ? value : group.evaluate(value, run), keepArray);
    };
    return { evaluate: settled, depth: 1 + Math.max(inner ?? 0, deepest(filters), group?.depth ?? 0) };
  }

  #kind(node: SyntaxNode): Kind {
    switch (node.type) {
      case 'path':
        return this.#path(node);
      case 'name':
        node.only('value', 'keepArray', 'stages');
        return { evaluate: name(node.text('value'), node.has('keepArray')) };
      case 'string':
      case 'number':
      case 'value':
        return literal(node);
      case 'variable':
        node.only('value', ...OF_ANY);
        return { evaluate: this.#variable(node.text('value')), unsettled: true };
      case 'binary':
        return this.#binary(node);
      case 'unary':
        return this.#unary(node);
      case 'condition':
        return this.#condition(node);
      case 'block':
        return this.#block(node);
      case 'function':
        node.only('value', 'name', 'arguments', 'procedure', ...OF_ANY);
        return this.#call(node, undefined);
      case 'apply':
        node.only('value', 'lhs', 'rhs', ...OF_ANY);
        node.node('rhs').only('value', 'name', 'arguments', 'procedure');
        return this.#call(node.node('rhs'), this.part(node.node('lhs')));
      default:
        throw new NotDirect(node.type);
    }
  }

  #path(node: SyntaxNode): Kind {
    node.only('steps', 'keepSingletonArray', 'keepArray', 'group', 'stages');
    const nodes = node.nodes('steps');
    const [start] = nodes;
    if (start === undefined || (start.type === 'variable' && start.has('stages'))) throw new NotDirect('path');
    const sorts = new Set(nodes.flatMap(({ type }, index) => (type === 'sort' ? [index] : [])));
    const made = nodes.map((each) => (each.type === 'sort' ? this.#sort(each) : this.#step(each)));
    const group = node.has('group') ? this.#group(node.node('group')) : undefined;
    const first = made[0]?.whole;
    const variable = start.type === 'variable' ? first : undefined;
    const names: string[] = [];
    for (const each of nodes.slice(variable === undefined ? 0 : 1)) {
      if (each.type !== 'name' || !each.hasOnly('value')) break;
      names.push(each.text('value'));
    }
    const evaluate = path({
      steps: made.map((each) => each.step),
      names,
      variable,
      sorts,
      first: start.has('consarray') ? first : undefined,
      keepSingleton: node.has('keepSingletonArray'),
      keepArray: node.has('keepArray'),
      group: group?.evaluate,
    });
    return { evaluate, inner: Math.max(group?.depth ?? 0, ...made.map(({ depth }) => depth)) };
  }

  #step(node: SyntaxNode) {
    const part = this.part(node);
    const filters = node.nodes('stages').map((stage) => this.#filter(stage));
    return {
      step: step(part.evaluate, evaluatesOf(filters)),
      whole: part.evaluate,
      depth: Math.max(part.depth, deepest(filters)),
    };
  }

  #sort(node: SyntaxNode) {
    node.only('terms', 'stages');
    const terms = node.nodes('terms').map((term) => {
      const part = this.part(term.node('expression'));
      return { evaluate: part.evaluate, descending: term.has('descending'), depth: part.depth };
    });
    const filters = node.nodes('stages').map((stage) => this.#filter(stage));
    const depth = Math.max(deepest(terms), deepest(filters));
    return { step: sort(terms, evaluatesOf(filters)), whole: undefined, depth };
  }

  #filter(stage: SyntaxNode): Part {
    if (stage.type !== 'filter') throw new NotDirect(stage.type);
    const said = stage.node('expr');
    if (said.type !== 'number') {
      const part = this.part(said);
      return { evaluate: filter(part.evaluate), depth: part.depth };
    }
    said.only('value');
    return { evaluate: itemAt(Number(said.value)), depth: 0 };
  }

  /** An object with keys that are known. @returns its depth is that of its members side by side */
  #group(node: SyntaxNode): Part {
    const pairs = node.pairs();
    const keys = pairs.map(([key]) => {
      if (key.type !== 'string' || !key.hasOnly('value')) throw new NotDirect('a key that is made');
      return key.text('value');
    });
    // Keys that jsonata refuses, and one that would not be a member.
    const odd = ['_jsonata_lambda', '_jsonata_function', '__proto__'];
    if (new Set(keys).size < keys.length || keys.some((key) => odd.includes(key))) throw new NotDirect('odd keys');
    const values = pairs.map(([, value]) => this.part(value));
    return { evaluate: object(keys, evaluatesOf(values)), depth: sideBySide(values) };
  }

  #variable(text: string): Evaluate {
    const index = this.#scope.get(text);
    if (index !== undefined) return (_input, run) => run.bound[index];
    if (text === '') return context;
    if (text === '$') return (_input, { root }) => root;
    if (BUILTINS.has(text)) throw new NotDirect('a function as a value');
    return (_input, { variables }) => {
      // It may be a function of those that are not known here.
      if (!Object.hasOwn(variables, text)) throw UNDECIDED;
      return variables[text];
    };
  }

  #binary(node: SyntaxNode): Kind {
    node.only('value', 'lhs', 'rhs', ...OF_ANY);
    const sign = node.text('value');
    const parts = [this.part(node.node('lhs')), this.part(node.node('rhs'))] as const;
    const [{ evaluate: left }, { evaluate: right }] = parts;
    const inner = deepest(parts);
    if (sign === 'and') {
      const isTrue: Evaluate = (input, run) =>
        truthOf(left(input, run), run) === true && truthOf(right(input, run), run) === true;
      return { evaluate: isTrue, inner };
    }
    if (sign === 'or') {
      const isTrue: Evaluate = (input, run) =>
        truthOf(left(input, run), run) === true || truthOf(right(input, run), run) === true;
      return { evaluate: isTrue, inner };
    }
    const operator = Object.hasOwn(OPERATORS, sign) ? OPERATORS[sign] : undefined;
    if (operator === undefined) throw new NotDirect(sign);
    return { evaluate: (input, run) => operator(left(input, run), right(input, run), run), inner, unsettled: true };
  }

  #unary(node: SyntaxNode): Kind {
    const sign = node.text('value');
    if (sign === '{') {
      node.only('value', 'lhs', ...OF_ANY);
      const { evaluate, depth } = this.#group(node);
      return { evaluate, inner: depth };
    }
    if (sign === '[') return this.#array(node);
    node.only('value', 'expression', ...OF_ANY);
    const { evaluate, depth } = this.part(node.node('expression'));
    return { evaluate: (input, run) => negated(evaluate(input, run)), inner: depth };
  }

  #array(node: SyntaxNode): Kind {
    node.only('value', 'expressions', 'consarray', ...OF_ANY);
    const isStep = node.has('consarray');
    const nodes = node.nodes('expressions');
    const parts = nodes.map((each) => this.part(each));
    const items = parts.map(({ evaluate }, index) => ({ evaluate, isArray: nodes[index]?.value === '[' }));
    const evaluate: Evaluate = (input, run) => {
      const list: List = [];
      if (isStep) list.cons = true;
      for (const item of items) {
        const value = item.evaluate(input, run);
        if (isList(value) && !item.isArray) pushAll(list, value, run);
        else if (value !== undefined) list.push(value);
      }
      return list;
    };
    return { evaluate, inner: sideBySide(parts) };
  }

  #condition(node: SyntaxNode): Kind {
    node.only('condition', 'then', 'else', ...OF_ANY);
    const parts = [this.part(node.node('condition')), this.part(node.node('then'))] as const;
    const [{ evaluate: holds }, { evaluate: yes }] = parts;
    const no = node.has('else') ? this.part(node.node('else')) : undefined;
    return {
      evaluate: (input, run) => (truthOf(holds(input, run), run) === true ? yes(input, run) : no?.evaluate(input, run)),
      inner: Math.max(deepest(parts), no?.depth ?? 0),
      unsettled: true,
    };
  }

  #block(node: SyntaxNode): Kind {
    node.only('expressions', 'consarray', ...OF_ANY);
    const outer = this.#scope;
    const parts = node.nodes('expressions').map((each) => (each.type === 'bind' ? this.#bind(each) : this.part(each)));
    this.#scope = outer;
    const steps = evaluatesOf(parts);
    const evaluate: Evaluate = (input, run) => {
      let value: unknown;
      for (const each of steps) value = each(input, run);
      return value;
    };
    return { evaluate, inner: deepest(parts), unsettled: true };
  }

  /** `$name := …` in a block: for what follows it there. */
  #bind(node: SyntaxNode): Part {
    node.only('value', 'lhs', 'rhs');
    node.node('lhs').only('value');
    const { evaluate, depth } = this.part(node.node('rhs'));
    const index = this.#bound;
    this.#bound += 1;
    this.#scope = new Map([...this.#scope, [node.node('lhs').text('value'), index]]);
    const bind: Evaluate = (input, run) => {
      run.bound[index] = evaluate(input, run);
      return settle(run.bound[index], false);
    };
    return { evaluate: bind, depth: 1 + depth };
  }

  #call(node: SyntaxNode, piped: Part | undefined): Kind {
    const procedure = node.node('procedure');
    procedure.only('value');
    const called = procedure.text('value');
    const builtin = procedure.type === 'variable' && !this.#scope.has(called) ? BUILTINS.get(called) : undefined;
    if (builtin === undefined) throw new NotDirect(called);
    this.builtins.add(called);
    const parts = node.nodes('arguments').map((each) => this.part(each));
    if (piped !== undefined) parts.unshift(piped);
    const takesContext = parts.length === 0 && builtin.orContext === true;
    const [least, most] = builtin.takes;
    if (!takesContext && (parts.length < least || parts.length > most)) {
      throw new NotDirect(`${called} with ${parts.length} arguments`);
    }
    const values = takesContext ? [(input: unknown): unknown => input] : evaluatesOf(parts);
    const evaluate: Evaluate = (input, run) => {
      const args = values.map((value) => value(input, run));
      for (const arg of args) if (isRecord(arg)) refuseFunction(arg);
      return builtin.call(args, run);
    };
    return { evaluate, inner: deepest(parts), unsettled: true };
  }
}

function literal(node: SyntaxNode): Kind {
  node.only('value', ...OF_ANY);
  const { value } = node;
  return { evaluate: () => value };
}

const context: Evaluate = (input) => {
  if (isList(input)) return input.outerWrapper === true ? input[0] : input;
  // jsonata takes any object with such a member for the wrapper.
  if (isRecord(input) && input['outerWrapper']) throw UNDECIDED;
  return input;
};

function negated(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (!isNumeric(value)) throw UNDECIDED;
  return -value;
}
