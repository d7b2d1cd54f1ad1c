/** The product's name, with its sign. */
export function Logo() {
  return (
    <span className="logo">
      <img src="/galley.svg" alt="" width="22" height="22" />
      Galley
    </span>
  );
}
