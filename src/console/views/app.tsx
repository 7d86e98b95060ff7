/** Which view is shown. */
import { route } from '../router.ts';
import { session } from '../live/session.ts';
import { openedJournal } from '../live/journal-file.ts';
import { ActorPage } from './actor.tsx';
import { ChartPage } from './chart-page.tsx';
import { Header } from './header.tsx';
import { IncidentPage } from './incident.tsx';
import { JournalPage } from './journal-page.tsx';
import { Login } from './login.tsx';
import { Overview } from './overview.tsx';
import { WhatIfPage } from './what-if.tsx';

export function App() {
  const [first, second, third] = route.value.path;
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
      {first === 'what-if' ? (
        <WhatIfPage />
      ) : first === 'incident' ? (
        <IncidentPage kind={second} id={third} />
      ) : first === 'chart' && second ? (
        <ChartPage key={second} kind={second} />
      ) : first && second ? (
        <ActorPage key={`${first}/${second}`} kind={first} id={second} />
      ) : (
        <Overview />
      )}
    </>
  );
}
