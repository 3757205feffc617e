/** Files that the bundler puts into the test as a base64 data URI: workerd has no file system to read them from. */
declare module '*?inline' {
  const dataUri: string;
  export default dataUri;
}
declare module '*?url&inline' {
  const dataUri: string;
  export default dataUri;
}
