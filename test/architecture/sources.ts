/** The sources as the compiler reads them: what each imports, and what it takes of the world. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

export interface Import {
  /** Folders and names from `src/`, e.g. `actors/cell.ts`. */
  readonly from: string;
  /** The same for our own files, else as written, e.g. `node:crypto`; null when it isn't a literal. */
  readonly to: string | null;
  readonly line: number;
  /** Names taken of a module; null for a default or namespace import, a re-export of all, and dynamic ones. */
  readonly names: readonly string[] | null;
}

/** A use of a name that no declaration of the file explains: a global of the language or of Node. */
export interface GlobalUse {
  readonly from: string;
  readonly line: number;
  /** E.g. `Date.now`, `new Date()`, `setTimeout`; `Date` alone when it is handed on as a value. */
  readonly use: string;
}

export interface Sources {
  readonly imports: readonly Import[];
  readonly globals: readonly GlobalUse[];
}

/** Every TypeScript file, with and without JSX, under `folder`, by its path within. */
export function readSources(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.tsx?$/.test(name),
  );
  return new Map(names.map((name) => [posix.normalize(name), readFileSync(join(folder, name), 'utf8')]));
}

/** Parses and binds; types play no part, so no library and no module is resolved. */
export function analyse(files: ReadonlyMap<string, string>): Sources {
  const host: ts.CompilerHost = {
    getSourceFile(name, version) {
      const text = files.get(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, version, true);
    },
    getDefaultLibFileName: () => '',
    writeFile: () => {},
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => files.has(name),
    readFile: (name) => files.get(name),
  };
  const options = { noLib: true, noResolve: true, target: ts.ScriptTarget.ESNext };
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host });
  const checker = program.getTypeChecker();
  const imports: Import[] = [];
  const globals: GlobalUse[] = [];

  for (const name of files.keys()) {
    const file = program.getSourceFile(name)!;
    const lineOf = (node: ts.Node): number =>
      file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
    const take = (node: ts.Node, specifier: ts.Node | undefined, names: readonly string[] | null): void => {
      const text = specifier && ts.isStringLiteralLike(specifier) ? specifier.text : null;
      const to = text?.startsWith('.') ? posix.join(posix.dirname(name), text) : text;
      imports.push({ from: name, to, line: lineOf(node), names });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node)) take(node, node.moduleSpecifier, namesOf(node.importClause));
      else if (ts.isExportDeclaration(node) && node.moduleSpecifier)
        take(node, node.moduleSpecifier, exportedNames(node));
      else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
        take(node, node.moduleReference.expression, null);
      else if (ts.isImportTypeNode(node))
        take(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, null);
      else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
        take(node, node.arguments[0], null);
      if (ts.isIdentifier(node) && isValue(node) && !isDeclared(node, checker))
        globals.push({ from: name, line: lineOf(node), use: useOf(node) });
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return { imports, globals };
}

function namesOf(clause: ts.ImportClause | undefined): readonly string[] | null {
  if (!clause) return [];
  const { namedBindings } = clause;
  if (clause.name || !namedBindings || !ts.isNamedImports(namedBindings)) return null;
  return namedBindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text);
}

function exportedNames({ exportClause }: ts.ExportDeclaration): readonly string[] | null {
  if (!exportClause || !ts.isNamedExports(exportClause)) return null;
  return exportClause.elements.map(({ propertyName, name }) => (propertyName ?? name).text);
}

/** Not the name of a property, a label or a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isMetaProperty(parent)) return parent.name !== node;
  if (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent))
    return parent.name !== node;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node && parent.name !== node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  for (let above: ts.Node = parent; !ts.isStatement(above); above = above.parent) {
    if (ts.isExpressionWithTypeArguments(above)) return true;
    if (ts.isTypeNode(above) || ts.isTypeElement(above)) return false;
    if (!above.parent) break;
  }
  return !ts.isDeclarationStatement(parent);
}

function isDeclared(node: ts.Identifier, checker: ts.TypeChecker): boolean {
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  return (symbol?.declarations?.length ?? 0) > 0;
}

/** What is done with a global: read a property of it, make one without arguments, or hand it on. */
function useOf(node: ts.Identifier): string {
  const { parent, text } = node;
  if (ts.isPropertyAccessExpression(parent)) return `${text}.${parent.name.text}`;
  if (ts.isElementAccessExpression(parent) && ts.isStringLiteralLike(parent.argumentExpression))
    return `${text}.${parent.argumentExpression.text}`;
  if (ts.isNewExpression(parent) && parent.expression === node)
    return `new ${text}(${parent.arguments?.length ? '…' : ''})`;
  if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword)
    return `instanceof ${text}`;
  return text;
}
