/** Which view is shown. */
import { route } from '../router.ts';
import { session } from '../live/session.ts';
import { openedJournal } from '../live/journal-file.ts';
import { ActorPage } from './actor.tsx';
import { ChartPage } from './chart-page.tsx';
import { Header } from './header.tsx';
import { JournalPage } from './journal-page.tsx';
import { Login } from './login.tsx';
import { Overview } from './overview.tsx';

export function App() {
  const [first, second] = route.value.path;
  if (first === 'journal' && openedJournal.value) {
    return (
      <>
        <Header />
        <JournalPage journal={openedJournal.value} />
      </>
    );
  }
  if (!session.value) return <Login />;
  return (
    <>
      <Header />
      {first === 'chart' && second ? (
        <ChartPage key={second} kind={second} />
      ) : first && second ? (
        <ActorPage key={`${first}/${second}`} kind={first} id={second} />
      ) : (
        <Overview />
      )}
    </>
  );
}
