// `Allow` where no route is in question.

/** What a route may serve, besides rarer methods that it names. */
export const SERVED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
